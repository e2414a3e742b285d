import {
  ARTICLE,
  ARTICLE_MODES,
  type ArticleFigures,
  type ArticleMode,
  variantTitle,
} from '../../../engine/index.ts';
import { type RunView, useRun } from '../../../store/runStore.ts';
import { rowOfMode, type TableRecord } from '../../../store/table/record.ts';
import { type TablePhase, useTable } from '../../../store/table/tableStore.ts';
import { formatCount, formatLoss, formatTokensPerSecond } from '../../format.ts';
import { Note } from '../../ui/Note.tsx';
import { ScrollTable } from '../../ui/ScrollTable.tsx';
import { exactBytes } from '../memory/memoryTotal.ts';
import styles from './ArticleTable.module.css';
import { ROW_NOTES, speedUp } from './messages.ts';

/** Speed, batch and memory of this device and of the article, and the loss of this device. */
const COLUMNS = ['speed', 'article speed', 'batch', 'article batch', 'memory', 'article memory', 'loss'].map(
  (key) => ({ key, isArticle: key.startsWith('article') }),
);

/** The four rows, those of this device beside the article's. */
export function ArticleTable() {
  const table = useTable((state) => state.table);
  const phase = useTable((state) => state.phase);
  const incomplete = table !== null && phase.name === 'idle' && table.seconds === null;
  return (
    <>
      {incomplete && (
        <Note kind="caution" testId="table-incomplete">
          <p>This table was not finished. The rows that had ended are kept until it is made again.</p>
        </Note>
      )}
      <ScrollTable label="The article's table">
        <table className={styles.table} data-testid="article-table">
          <thead>
            <tr>
              <td rowSpan={2} />
              <th scope="colgroup" colSpan={2}>
                Tokens per second
              </th>
              <th scope="colgroup" colSpan={2}>
                Batch
              </th>
              <th scope="colgroup" colSpan={2}>
                Memory
              </th>
              <th scope="colgroup">Loss, nats</th>
            </tr>
            <tr>
              {COLUMNS.map(({ key, isArticle }) => (
                <th key={key} scope="col" className={isArticle ? styles.article : undefined}>
                  {isArticle ? ARTICLE.gpu : 'here'}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {ARTICLE_MODES.map((mode) => (
              <Row key={mode} mode={mode} table={table} phase={phase} />
            ))}
          </tbody>
        </table>
      </ScrollTable>
      {/* Beside the figures they would make the rows of a phone ten lines high. */}
      <dl className={styles.notes} data-testid="table-notes">
        {ARTICLE_MODES.map((mode) => {
          const note = ROW_NOTES[mode];
          return (
            note && (
              <div key={mode}>
                <dt translate="no">{variantTitle(mode)}</dt>
                <dd>{note.why}</dd>
              </div>
            )
          );
        })}
      </dl>
      <p className={styles.note}>
        {`Losses are of text that was held back, after the same number of steps; a larger batch has seen more of the text in them. The article gives ${ARTICLE.figures.fp32.gib} GiB in use for FP32 and no losses for its table.`}
      </p>
    </>
  );
}

interface RowProps {
  mode: ArticleMode;
  table: TableRecord | null;
  phase: TablePhase;
}

function Row({ mode, table, phase }: RowProps) {
  const row = table && rowOfMode(table, mode);
  const planned = phase.name === 'training' ? phase.plan.runs.find((run) => run.mode === mode) : undefined;
  const reference = table && rowOfMode(table, 'fp32')?.tokensPerSec;
  const article: ArticleFigures = ARTICLE.figures[mode];
  const batch = row?.batch ?? planned?.config.batch;
  const bytes = row?.bytes ?? planned?.largest.bytes;
  return (
    <tr data-testid={`table-row-${mode}`}>
      <th scope="row">
        <span translate="no">{variantTitle(mode)}</span>
        {ROW_NOTES[mode] && <span className={styles.short}>{ROW_NOTES[mode].short}</span>}
      </th>
      <td translate="no">
        {row ? (
          <>
            <strong data-testid={`table-speed-${mode}`}>
              {row.tokensPerSec === null ? 'not measured' : formatTokensPerSecond(row.tokensPerSec)}
            </strong>
            <span className={styles.ratio}>{speedUp(row.tokensPerSec, reference)}</span>
            {row.problem && <span className={styles.problem}>{row.problem}</span>}
          </>
        ) : (
          <Waiting mode={mode} isTraining={planned !== undefined} />
        )}
      </td>
      <td translate="no" className={styles.article}>
        <span>{formatCount(article.tokensPerSec)}</span>
        <span className={styles.ratio}>
          {speedUp(article.tokensPerSec, ARTICLE.figures.fp32.tokensPerSec)}
        </span>
      </td>
      <td translate="no" data-testid={`table-batch-${mode}`}>
        {batch === undefined ? '–' : formatCount(batch)}
      </td>
      <td translate="no" className={styles.article}>
        {formatCount(article.batch)}
      </td>
      <td translate="no" data-testid={`table-memory-${mode}`}>
        {bytes === undefined ? '–' : exactBytes(bytes)}
      </td>
      <td translate="no" className={styles.article}>
        {article.gib === null ? 'not given' : `${article.gib} GiB`}
      </td>
      <td translate="no" data-testid={`table-loss-${mode}`}>
        {row ? formatLoss(row.valLoss) : '–'}
      </td>
    </tr>
  );
}

/** How far the run of a row is. */
function Waiting({ mode, isTraining }: { mode: ArticleMode; isTraining: boolean }) {
  const text = useRun(({ runs }) => (isTraining ? progressOf(runs.find((run) => run.mode === mode)) : '–'));
  return <span>{text}</span>;
}

function progressOf(run: RunView | undefined): string {
  if (run?.latest) return `step ${formatCount(run.latest.step)}`;
  return !run || run.stage === 'waiting' ? 'waiting' : 'preparing';
}
