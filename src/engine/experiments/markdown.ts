/** Writes a comparison as Markdown, with the sentences around its table. */
import { otherKinds } from '../config/gptConfig.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import { formatCount } from '../core/format.ts';
import type { StartProof } from './startProof.ts';
import type { ComparisonTable } from './table.ts';
import { variantTitle } from './variants.ts';

/** Writes the comparison for a report or an issue: what was trained, the table, the verdict and the proof of the start. */
export function toMarkdown(
  { modes, rows }: ComparisonTable,
  about: string,
  verdict: string | null,
  proof: StartProof | null,
): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`;
  const table = [
    line(['', ...modes.map(variantTitle)]),
    line(['---', ...modes.map(() => '---')]),
    ...rows.map(({ label, cells }) =>
      line([label, ...cells.map(({ text, best }) => (best ? `${text} (best)` : text))]),
    ),
  ].join('\n');
  const parts = [about, table, verdict, proof && startSentence(proof)];
  return `${parts.filter((part) => part !== null).join('\n\n')}\n`;
}

/** The sentence that says whether all runs started identically, so that the comparison is fair. */
export function startSentence({ start, seeds }: StartProof): string {
  if (!start) {
    return 'The runs did not start identically: their initial weights or first batches differ, so their losses say nothing about the modes.';
  }
  const every = seeds > 1 ? `, first of ${seeds} seeds` : '';
  return `Identical start: weights ${start.weights.slice(0, 8)}, batches ${start.batches.slice(0, 8)}${every}.`;
}

/**
 * The sentence that says what was trained, where, and from which seed.
 * @param config of the first run
 * @param text name of the text; null while it is not known
 */
export function aboutLine(
  config: TrainConfig,
  text: string | null,
  schedule: 'sequential' | 'lockstep',
  adapter: string | null,
): string {
  const { layers, width, context, batch, accumulation, steps, seed } = config;
  const parts = [
    `${layers} layers, width ${width}, context ${context}${otherKinds(config)}, batch ${formatCount(batch * accumulation)}, ${formatCount(steps)} steps`,
    ...(text === null ? [] : [`on ${text}`]),
    `seed ${seed}`,
    schedule === 'lockstep' ? 'in lockstep' : 'one after the other',
    ...(adapter === null ? [] : [adapter]),
  ];
  return `Halfstep: ${parts.join(', ')}.`;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
