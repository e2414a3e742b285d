/** Writes the cells of a sweep as a table of modes by learning rates, as Markdown and as CSV. */
import { type ModelKinds, otherKinds } from '../config/gptConfig.ts';
import { formatCount, formatLoss } from '../core/format.ts';
import { type Spread, spreadOf } from './spread.ts';
import { bestLoss, type CellFailure, FAR_NATS, failureOf, type Sweep, type SweepCell } from './sweep.ts';
import { type VariantId, variantTitle } from './variants.ts';

/** The results of a mode at a learning rate over its seeds. */
export interface RateResult {
  readonly mode: VariantId;
  readonly learningRate: number;
  /** Number of finished seeds. */
  readonly finished: number;
  /** Why finished seeds do not count in the mean, one for each that does not. */
  readonly failures: readonly CellFailure[];
  /** Final losses of the seeds that count; null when none does. */
  readonly loss: Spread | null;
  readonly skippedSteps: number;
  /** Whether its mean is the lowest of the results of which every seed counts, or rounds to the same text. */
  readonly best: boolean;
}

export interface SweepRow {
  readonly mode: VariantId;
  /** In the order of the learning rates. */
  readonly results: readonly RateResult[];
}

export function sweepRows({ grid, cells }: Pick<Sweep, 'grid' | 'cells'>): SweepRow[] {
  const best = bestLoss(cells);
  const rows = grid.modes.map((mode) => ({
    mode,
    results: grid.learningRates.map((learningRate) =>
      rateResult(
        mode,
        learningRate,
        cells.filter((cell) => cell.mode === mode && cell.learningRate === learningRate),
        best,
      ),
    ),
  }));
  const means = rows.flatMap(({ results }) => results.flatMap((result) => meanOfAll(result) ?? []));
  // Means that round to the same text count as equal.
  const lowest = formatLoss(Math.min(...means));
  return rows.map(({ mode, results }) => ({
    mode,
    results: results.map((result) => ({ ...result, best: isBest(result, lowest) })),
  }));
}

function isBest(result: RateResult, lowest: string): boolean {
  const mean = meanOfAll(result);
  return mean !== null && formatLoss(mean) === lowest;
}

/** Null where a seed does not count. */
function meanOfAll({ failures, loss }: RateResult): number | null {
  return failures.length === 0 && loss ? loss.mean : null;
}

function rateResult(
  mode: VariantId,
  learningRate: number,
  cells: readonly SweepCell[],
  best: number | null,
): RateResult {
  const counted = cells.filter((cell) => failureOf(cell, best) === null);
  return {
    mode,
    learningRate,
    finished: cells.length,
    failures: cells.flatMap((cell) => failureOf(cell, best) ?? []),
    loss: spreadOf(counted.map(({ loss }) => loss)),
    skippedSteps: cells.reduce((sum, { skippedSteps }) => sum + skippedSteps, 0),
    best: false,
  };
}

/** "2.480 (0/3)": the mean loss of the seeds that count, and how many of the finished seeds do not. */
export function rateText({ finished, failures, loss }: RateResult): string {
  if (finished === 0) return '–';
  const outcome = loss ? formatLoss(loss.mean) : [...new Set(failures)].join(' or ');
  return `${outcome} (${failures.length}/${finished})`;
}

/** Writes learning rates as people do: "3e-4", "1e-2". */
export function rateName(learningRate: number): string {
  return learningRate === 0 ? '0' : learningRate.toExponential().replace('e+', 'e');
}

/** The legend of the table. */
export const SWEEP_LEGEND = `Each cell shows the mean validation loss in nats after the last step over the seeds that count and, in brackets, how many of the finished seeds do not: those that diverged (loss not finite, or ended by the mode), and those far above the best (by more than ${FAR_NATS.toFixed(1)}, because the learning rate is too high or too low).`;

/** "9 of 27 cells are finished." */
export function sweepProgress({ grid, cells }: Pick<Sweep, 'grid' | 'cells'>): string {
  const all = grid.modes.length * grid.learningRates.length * grid.seeds.length;
  return `${formatCount(cells.length)} of ${formatCount(all)} cells are finished.`;
}

export function sweepMarkdown(sweep: Sweep): string {
  const { grid, settings } = sweep;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rows = sweepRows(sweep).map(({ mode, results }) =>
    line([
      variantTitle(mode),
      ...results.map((result) => `${rateText(result)}${result.best ? ' (best)' : ''}`),
    ]),
  );
  const { layers, width, context, batch, accumulation, steps, text, adapter } = settings;
  return [
    `Halfstep sweep: ${layers} layers, width ${width}, context ${context}${otherKinds(settings as Partial<ModelKinds>)}, batch ${Number(batch) * Number(accumulation)}, ${steps} steps on ${text}, seeds ${grid.seeds.join(', ')}, ${adapter}. ${sweepProgress(sweep)}`,
    [
      line(['mode', ...grid.learningRates.map((rate) => `lr ${rateName(rate)}`)]),
      line(['---', ...grid.learningRates.map(() => '---:')]),
      ...rows,
    ].join('\n'),
    `${SWEEP_LEGEND}\n`,
  ].join('\n\n');
}

/** One row for each cell, for spreadsheets: plain numbers, empty where there is none. */
export function sweepCsv({ cells }: Pick<Sweep, 'cells'>): string {
  const best = bestLoss(cells);
  const rows = cells.map((cell) =>
    [
      cell.mode,
      cell.learningRate,
      cell.seed,
      cell.loss ?? '',
      failureOf(cell, best) ?? '',
      cell.stopped ?? '',
      cell.steps,
      cell.skippedSteps,
      cell.tokensPerSec ?? '',
      cell.seconds,
    ].join(','),
  );
  return [
    'mode,learning rate,seed,validation loss,failure,stopped,steps,skipped steps,tokens/s,seconds',
    ...rows,
    '',
  ].join('\r\n');
}
