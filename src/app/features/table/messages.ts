/** What the article's table says about itself. */
import {
  ARTICLE,
  type ArticleMode,
  LEAST_STEPS,
  PRESETS,
  TABLE_SECONDS,
  type TableEstimate,
  type TablePreset,
  type UnscaledFindings,
} from '../../../engine/index.ts';
import { rowOfMode, type TableRecord, type TableRow } from '../../../store/table/record.ts';
import { formatCount, formatDuration, formatLoss, formatPercent } from '../../format.ts';

interface RowNote {
  /** Beside the figures. */
  readonly short: string;
  /** Below the table. */
  readonly why: string;
}

/** What a row cannot be here, and why. */
export const ROW_NOTES: Readonly<Partial<Record<ArticleMode, RowNote>>> = {
  tf32: {
    short: 'simulated',
    why: 'WebGPU has no TF32 units. Operands are rounded as TF32 rounds them and multiplied in FP32, so the loss is that of TF32 and the speed is not. The rounded copies take memory of their own.',
  },
  'fp16-tf32': {
    short: 'the same as mixed f16',
    why: 'TF32 would speed up matmuls that mixed precision leaves in FP32, and here there are none. The speeds of both rows differ by noise alone.',
  },
};

/** Why no memory size stands in the field by itself. */
export function budgetHelp(isFallback: boolean): string {
  const usual = isFallback
    ? '16 MiB keep the table short on this software adapter, which takes the memory of the machine.'
    : 'Nearly every GPU has 1 GiB free; give more if yours has it.';
  return `WebGPU does not say how much memory a GPU has. ${usual} The article's had ${ARTICLE.gib} GiB.`;
}

/** Which model is trained, how long that takes, and how that is known. */
export function estimateSentences(
  estimate: TableEstimate,
  preset: TablePreset,
  steps: number,
): { readonly time: string; readonly basis: string } {
  const { seconds, measured, flopsPerSec, flopsPerToken, larger } = estimate;
  const title = titleOf(preset);
  return {
    time: `${title}, ${steps} steps in each format: about ${formatDuration(seconds)}.`,
    basis: `Estimated from timed steps of ${titleOf(measured)} (${inPrefixes(flopsPerSec, 'FLOP/s')} in FP32, the other formats by their own steps) and the ${inPrefixes(flopsPerToken, 'FLOPs')} that a token of ${title} takes.${largerSentence(larger)}`,
  };
}

function largerSentence(larger: TableEstimate['larger']): string {
  if (!larger) return '';
  const title = titleOf(larger.preset);
  return larger.seconds === null
    ? ` ${title}, the next larger model, does not fit the budget.`
    : ` ${title}, the next larger model, would take about ${formatDuration(larger.seconds)} even with ${LEAST_STEPS} steps; the limit is ${formatDuration(TABLE_SECONDS)}.`;
}

const short = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const PREFIXES = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
] as const;

function inPrefixes(value: number, unit: string): string {
  const [factor, prefix] = PREFIXES.find(([of]) => value >= of) ?? [1, ''];
  return `${short.format(value / factor)} ${prefix}${unit}`;
}

export function titleOf(preset: TablePreset): string {
  return PRESETS[preset].title;
}

/** "1.58 ×"; empty for the reference itself and where a speed is missing. */
export function ratio(own: number | null | undefined, reference: number | null | undefined): string {
  return own && reference && own !== reference ? `${(own / reference).toFixed(2)} ×` : '';
}

/** "1.58 × FP32"; empty as {@link ratio}. */
export function speedUp(own: number | null | undefined, reference: number | null | undefined): string {
  const times = ratio(own, reference);
  return times && `${times} FP32`;
}

const MOST_NAMES = 6;

/** What became of the run without a scaler, a sentence each. */
export function unscaledSentences(table: TableRecord, unscaled: UnscaledFindings, row: TableRow): string[] {
  const { lostShare, withoutGradient, parameters, worst, nonFinite } = unscaled;
  const with16 = rowOfMode(table, 'fp16');
  const sentences = [
    lostShare === null
      ? parameters === 0
        ? 'Its gradients were not counted.'
        : 'No gradient between layers is left to count: all are exactly 0.'
      : `${formatPercent(lostShare)} of the gradients between layers vanished: f16 stored them as 0, subnormal numbers among them, as some GPUs do.`,
  ];
  if (worst.length > 0) {
    const most = worst.map(({ name, share }) => `${name} (${formatPercent(share)})`).join(', ');
    sentences.push(`Most was lost in ${most}.`);
  }
  sentences.push(
    ...(parameters === 0 ? [] : [withoutSentence(withoutGradient, parameters)]),
    nonFinite.length === 0
      ? 'Nothing became infinite or NaN.'
      : `Not finite: ${listed(nonFinite)}; ${formatCount(row.skippedSteps)} of ${formatCount(row.steps)} steps were skipped.`,
  );
  if (row.problem) sentences.push(row.problem);
  else if (with16) {
    sentences.push(
      `Loss after ${formatCount(row.steps)} steps: ${formatLoss(row.valLoss)} without the scaler, ${formatLoss(with16.valLoss)} with it.`,
    );
  }
  return sentences;
}

function withoutSentence(names: readonly string[], parameters: number): string {
  return names.length === 0
    ? 'Every parameter tensor still got some gradient.'
    : `${names.length} of ${parameters} parameter tensors got none at all, so that a step does not train them: ${listed(names)}.`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return names.length <= MOST_NAMES ? shown : `${shown} and ${names.length - MOST_NAMES} more`;
}
