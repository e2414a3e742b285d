/** Writes a comparison as rows of text with one cell for each mode, for the page, the terminal and exports. */

import {
  formatCount,
  formatLoss,
  formatMiB,
  formatPercent,
  formatPowerOfTwo,
  formatTokensPerSecond,
} from '../core/format.ts';
import type { MemoryBytes } from '../core/memoryCategories.ts';
import { type LargestBatch, largestBatch } from '../model/largestBatch.ts';
import type { PlanLimits } from '../model/tensors.ts';
import type { HalfStorage } from '../precision/formats.ts';
import { gradientFormat, takesCompound } from '../precision/recipe.ts';
import { MAX_SKIPS_WITHOUT_SCALER, recipeOf } from '../precision/recipes.ts';
import type { RunSummary, StepMetrics } from '../train/metrics.ts';
import { type ComparedRun, type Comparison, compareRuns, type ModeResult } from './comparison.ts';
import { comparedModes, hasEnded, type PlannedRun } from './planned.ts';
import type { SpeedClock } from './speed.ts';
import { type Spread, spreadOf } from './spread.ts';
import { modeOfVariant, type VariantId, variantTitle } from './variants.ts';

/** The one way in which a mode fails, in place of its loss. */
export const FAILED_MODE = `failed (${MAX_SKIPS_WITHOUT_SCALER} skipped steps in a row)`;

export interface Cell {
  readonly text: string;
  /** Whether it is the best of its row. Several cells with the same text may be. */
  readonly best: boolean;
}

export interface Row {
  readonly name: string;
  readonly label: string;
  /** In the order of the modes. */
  readonly cells: readonly Cell[];
}

export interface ComparisonTable {
  readonly modes: readonly VariantId[];
  readonly comparison: Comparison;
  readonly rows: readonly Row[];
}

const NO_RESULT = '–';
const INTERLEAVED = 'not measured (interleaved)';
const NOT_MEASURED = 'not measured';
const NOT_FINITE = 'not finite';
const NO_STEP = 'no step taken';

/** The memory budget for which the table gives the largest batch. */
export interface BatchBudget {
  readonly bytes: number;
  readonly limits: PlanLimits;
}

/** The parts of a run that the table shows besides the results of the comparison. */
export interface TableRun extends PlannedRun {
  /** Null until the run has started. */
  readonly facts: {
    readonly memory: MemoryBytes;
    readonly storage: HalfStorage | null;
    readonly text: { readonly vocabulary: number };
  } | null;
  readonly latest: Pick<StepMetrics, 'step' | 'loss' | 'lossScale' | 'appliedSteps' | 'skippedSteps'> | null;
  readonly summary: Pick<RunSummary, 'lossScale' | 'gradientsFlushed' | 'simulatedCost'> | null;
  /** Why its mode ended the run early; null when it did not. */
  readonly error: object | null;
}

/** The ended runs of a mode, one for each seed, and their result in the comparison. */
interface Column {
  readonly result: ModeResult;
  readonly runs: readonly TableRun[];
}

interface RowSource {
  readonly name: string;
  readonly label: string;
  readonly text: (column: Column) => string;
  /** The value that decides which cell is best; absent for rows without a better or worse. */
  readonly judged?: { readonly better: 'less' | 'more'; readonly by: (column: Column) => number | undefined };
}

/**
 * @param runs all planned runs
 * @param ended the curves of the runs that have ended
 * @param budget null when it is not known; the table then has no row for the largest batch
 */
export function comparisonTable(
  runs: readonly TableRun[],
  ended: readonly ComparedRun[],
  clock: SpeedClock,
  budget: BatchBudget | null,
): ComparisonTable {
  const modes = comparedModes(runs);
  const comparison = compareRuns(modes, ended, clock);
  const columns = comparison.modes.map(
    (result): Column => ({
      result,
      runs: runs.filter((run) => run.mode === result.mode && hasEnded(run)),
    }),
  );
  const isSimulated = columns.some(({ runs }) => costOf(runs) !== null);
  const sources = [
    ...rowSources(comparison),
    ...(isSimulated ? [COST_ROW] : []),
    ...(budget ? [largestBatchRow(budget)] : []),
  ];
  const rows = sources.map((source) => toRow(source, columns));
  return { modes, comparison, rows };
}

function rowSources({ modes, step, seconds, seeds, clock }: Comparison): RowSource[] {
  const unmeasured = clock === 'gpu' ? INTERLEAVED : NOT_MEASURED;
  const gpu = clock === 'gpu' ? ' (GPU time)' : '';
  const speedsDiffer = modes.some(({ speedFinding }) => speedFinding === 'differs');
  const reference = modes[0]!.mode;
  return [
    {
      name: 'val-loss',
      label: `Validation loss${step === null ? '' : ` after ${formatCount(step)} steps`}`,
      text: ({ result }) =>
        lossText(result, result.valLoss, result.nonFinite > 0 ? NOT_FINITE : 'not evaluated'),
      judged: { better: 'less', by: ({ result }) => result.valLoss?.mean },
    },
    {
      name: 'val-loss-seconds',
      label: `Validation loss after ${seconds === null ? 'equal time' : `${seconds.toFixed(1)} s`}${gpu}`,
      text: ({ result }) =>
        result.valLossAtSeconds || seconds !== null
          ? lossText(result, result.valLossAtSeconds, 'not evaluated by then')
          : unmeasured,
      judged: { better: 'less', by: ({ result }) => result.valLossAtSeconds?.mean },
    },
    {
      name: 'final-loss',
      label: 'Final training loss',
      text: ({ runs }) =>
        spreadText(
          spreadOf(runs.map(({ latest }) => latest?.loss ?? null)),
          formatLoss,
          hasSteps(runs) ? NOT_FINITE : NO_STEP,
        ),
    },
    {
      name: 'tokens-per-sec',
      label: `Tokens/s${gpu}`,
      text: ({ result }) => spreadText(result.tokensPerSec, formatTokensPerSecond, unmeasured),
      // No speed is marked best when the differences may be noise.
      judged: {
        better: 'more',
        by: ({ result }) => (speedsDiffer ? result.tokensPerSec?.mean : undefined),
      },
    },
    {
      name: 'speed-up',
      label: `Speed-up over ${variantTitle(reference)}${gpu}`,
      text: ({ result }) =>
        result.mode === reference
          ? 'reference'
          : `${spreadText(result.speedUp, formatTimes, unmeasured)}${doubtOf(result)}`,
    },
    {
      name: 'divergence',
      label: `First divergence from ${variantTitle(reference)}`,
      text: ({ result, runs }) => {
        if (result.mode === reference) return 'reference';
        return hasSteps(runs) ? divergenceText(result, seeds) : NO_STEP;
      },
    },
    {
      name: 'steps',
      label: 'Steps applied',
      text: ({ runs }) =>
        `${formatCount(total(runs, (run) => run.latest?.appliedSteps))} of ${formatCount(total(runs, (run) => run.latest?.step))}`,
    },
    {
      name: 'skipped',
      label: 'Steps skipped',
      text: ({ runs }) => {
        const skipped = total(runs, (run) => run.latest?.skippedSteps);
        const share =
          skipped /
          Math.max(
            1,
            total(runs, (run) => run.latest?.step),
          );
        return `${formatCount(skipped)} (${formatPercent(share)})`;
      },
    },
    {
      name: 'loss-scale',
      label: 'Final loss scale',
      text: ({ result, runs }) =>
        recipeOf(modeOfVariant(result.mode)).scaling.kind === 'none' && !isCompound(result.mode, runs)
          ? 'none'
          : scaleText(runs),
    },
    {
      name: 'flushed',
      label: 'Gradients flushed to zero at the end',
      text: ({ result, runs }) => flushedText(result.mode, runs),
    },
    {
      name: 'memory',
      label: 'GPU memory',
      text: ({ runs }) => memoryText(runs, 'total'),
      judged: { better: 'less', by: ({ runs }) => runs[0]?.facts?.memory.total },
    },
    {
      name: 'activations',
      label: 'of which activations',
      text: ({ runs }) => memoryText(runs, 'activations'),
      judged: { better: 'less', by: ({ runs }) => runs[0]?.facts?.memory.activations },
    },
    { name: 'storage', label: 'f16 storage', text: ({ runs }) => runs[0]?.facts?.storage ?? 'no f16' },
  ];
}

/** Shown where a mode has simulated levels, of which nothing is faster: no cell is the best. */
const COST_ROW: RowSource = {
  name: 'simulated-cost',
  label: "Simulated cost of the blocks' products, 32 bits = 100 %",
  text: ({ runs }) => spreadText(costOf(runs), formatPercent, NO_RESULT),
};

/** Null where no run has one. */
function costOf(runs: readonly TableRun[]): Spread | null {
  return spreadOf(runs.map(({ summary }) => summary?.simulatedCost ?? null));
}

function largestBatchRow({ bytes, limits }: BatchBudget): RowSource {
  const largest = ({ runs: [run] }: Column): LargestBatch | null =>
    run?.facts ? largestBatch(run.config, run.facts.text.vocabulary, limits, bytes) : null;
  return {
    name: 'largest-batch',
    label: `Largest batch in ${formatMiB(bytes)}`,
    text: (column) => {
      const found = largest(column);
      if (!found) return NO_RESULT;
      return found.batch > 0 ? formatCount(found.batch) : 'none fits';
    },
    judged: { better: 'more', by: (column) => largest(column)?.batch },
  };
}

function toRow({ name, label, text, judged }: RowSource, columns: readonly Column[]): Row {
  const texts = columns.map((column) => (column.runs.length > 0 ? text(column) : NO_RESULT));
  const values = columns.map((column) => (column.runs.length > 0 ? judged?.by(column) : undefined));
  const known = values.filter((value) => value !== undefined);
  const best = judged?.better === 'more' ? Math.max(...known) : Math.min(...known);
  const bestText = texts[values.indexOf(best)];
  // If all values round to the same text, none is marked best.
  const differ = texts.some((other, i) => values[i] !== undefined && other !== bestText);
  return {
    name,
    label,
    cells: texts.map((shown, i) => ({
      text: shown,
      best: differ && values[i] !== undefined && shown === bestText,
    })),
  };
}

function lossText({ failed, runs }: ModeResult, loss: Spread | null, without: string): string {
  return spreadText(loss, formatLoss, failed === runs ? FAILED_MODE : without);
}

/** "2.480", and over seeds "2.480 (2.471 to 2.492)". */
function spreadText(spread: Spread | null, format: (value: number) => string, none: string): string {
  if (!spread) return none;
  const [mean, low, high] = [format(spread.mean), format(spread.low), format(spread.high)];
  return spread.count > 1 ? `${mean} (${low} to ${high})` : mean;
}

/** The reason to doubt a speed-up, if there is one. */
function doubtOf({ speedFinding }: ModeResult): string {
  if (speedFinding === 'tooShort') return ', too short to tell';
  return speedFinding === 'withinNoise' ? ', within its own variation' : '';
}

function formatTimes(value: number): string {
  return `${value.toFixed(2)}×`;
}

function divergenceText({ divergence }: ModeResult, seeds: number): string {
  if (!divergence) return 'none';
  const { earliest, latest, seeds: diverged } = divergence;
  const where =
    earliest === latest
      ? `step ${formatCount(earliest)}`
      : `steps ${formatCount(earliest)} to ${formatCount(latest)}`;
  return seeds > 1 ? `${where}, ${diverged} of ${seeds} seeds` : where;
}

function scaleText(runs: readonly TableRun[]): string {
  const scales = runs.flatMap(({ summary, latest }) => summary?.lossScale ?? latest?.lossScale ?? []);
  if (scales.length === 0) return NO_RESULT;
  const [low, high] = [Math.min(...scales), Math.max(...scales)].map((scale) =>
    formatPowerOfTwo(Math.log2(scale)),
  );
  return low === high ? `${low}` : `${low} to ${high}`;
}

/** Whether runs of a mode that may scale the loss do so. */
function isCompound(mode: VariantId, runs: readonly TableRun[]): boolean {
  if (!takesCompound(recipeOf(modeOfVariant(mode)))) return false;
  return runs.some(({ summary, latest }) => (summary?.lossScale ?? latest?.lossScale ?? 1) !== 1);
}

/** The share of nonzero gradients flushed to zero, or a dash with the reason why there is none. */
function flushedText(mode: VariantId, runs: readonly TableRun[]): string {
  if (gradientFormat(recipeOf(modeOfVariant(mode))) === 'f32') return '– (gradients are f32)';
  const shares = runs.map(({ summary }) => summary?.gradientsFlushed ?? null);
  return spreadText(spreadOf(shares), formatPercent, '– (not counted)');
}

function hasSteps(runs: readonly TableRun[]): boolean {
  return runs.some(({ latest }) => latest !== null);
}

function memoryText([run]: readonly TableRun[], part: 'total' | 'activations'): string {
  return run?.facts ? formatMiB(run.facts.memory[part]) : NO_RESULT;
}

function total(runs: readonly TableRun[], of: (run: TableRun) => number | undefined): number {
  return runs.reduce((sum, run) => sum + (of(run) ?? 0), 0);
}
