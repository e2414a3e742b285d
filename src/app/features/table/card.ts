/** The article's table as a card to share. */
import { ARTICLE, ARTICLE_MODES, TABLE_STEPS, UNSCALED_MODE, variantTitle } from '../../../engine/index.ts';
import { rowOfMode, type TableRecord } from '../../../store/table/record.ts';
import { formatCount, formatLoss, formatPercent, formatTokensPerSecond } from '../../format.ts';
import { formatDay, shortAdapter } from '../../story/messages.ts';
import { exactBytes } from '../memory/memoryTotal.ts';
import { ratio, speedUp, titleOf } from './messages.ts';

export interface TableCard {
  readonly title: string;
  readonly sentence: string;
  /** Above the columns. */
  readonly head: readonly string[];
  /** Cells of each row, the name of the format first. */
  readonly rows: readonly (readonly string[])[];
  /** Below the table. */
  readonly notes: readonly string[];
  readonly origin: string;
  readonly url: string;
  /** What is sent with the link. */
  readonly text: string;
}

/** @param address that of the page, of which only the place is kept */
export function tableCard(table: TableRecord, address: string): TableCard {
  const url = new URL(address);
  url.search = '';
  url.hash = '#table';
  const reference = rowOfMode(table, 'fp32')?.tokensPerSec;
  const half = rowOfMode(table, 'fp16')?.tokensPerSec;
  const faster = speedUp(half, reference);
  const title = faster ? `Mixed f16 in a browser tab: ${faster}` : 'Four number formats in a browser tab';
  const { fp32, fp16 } = ARTICLE.figures;
  const sentence = `${titleOf(table.preset)} model, each format at the largest batch in ${exactBytes(table.budget)}. The article's ${ARTICLE.gpu}: ${speedUp(fp16.tokensPerSec, fp32.tokensPerSec)}.`;
  return {
    title,
    sentence,
    head: ['', 'tokens/s', 'to FP32', 'batch', 'memory', 'loss', `${ARTICLE.gpu}: tokens/s`, 'batch'],
    rows: ARTICLE_MODES.map((mode) => {
      const row = rowOfMode(table, mode);
      const article = ARTICLE.figures[mode];
      return [
        mode === 'tf32' ? `${variantTitle(mode)}, simulated` : variantTitle(mode),
        row?.tokensPerSec != null ? formatTokensPerSecond(row.tokensPerSec) : '–',
        ratio(row?.tokensPerSec, reference),
        row ? formatCount(row.batch) : '–',
        row ? exactBytes(row.bytes) : '–',
        row ? formatLoss(row.valLoss) : '–',
        formatCount(article.tokensPerSec),
        formatCount(article.batch),
      ];
    }),
    notes: [unscaledNote(table), `${ARTICLE.gpu}: ${ARTICLE.author}, “${ARTICLE.title}”, a model of 163 M.`],
    origin: `${table.steps} steps each${table.steps < TABLE_STEPS ? ' (fewer than the article’s 100)' : ''}, on ${formatDay(new Date(table.time).toISOString().slice(0, 10))} on ${shortAdapter(table.adapter)}`,
    url: url.href,
    text: `${title}. ${sentence}`,
  };
}

function unscaledNote(table: TableRecord): string {
  const row = rowOfMode(table, UNSCALED_MODE);
  const { unscaled } = table;
  if (!row || !unscaled) return '';
  const lost = unscaled.lostShare === null ? 'all' : formatPercent(unscaled.lostShare);
  return `Without the loss scaler ${lost} of the gradients became 0; loss ${row.problem ? 'none' : formatLoss(row.valLoss)}.`;
}
