/** Sentences of the numerics panel. */
import {
  type Bands,
  blockName,
  type FormatId,
  flushedShare,
  frameLosses,
  isScaledOperand,
  isSimulatedFormat,
  type LongRunTelemetry,
  lossesAt,
  type NamedFormat,
  type NumberColumn,
  type NumericsFrame,
  nonZero,
  type Recipe,
  rowCounts,
  subnormalShare,
  tensorsWithoutGradient,
  UPDATE_NUMBERS,
  type UpdateNumbers,
} from '../../../engine/index.ts';
import type { NumericsView } from '../../../store/numericsStore.ts';
import type { UnderflowHistory } from '../../../store/underflowHistory.ts';
import { formatCount, formatPercent, formatPowerOfTwo } from '../../format.ts';
import { columnName } from './drawHeatmap.ts';
import type { HeatRow } from './model.ts';

const FORMAT_WORDS: Readonly<Record<NamedFormat, string>> = {
  f32: 'FP32',
  tf32: 'TF32',
  f16: 'f16',
  'f16-flush': 'f16 without subnormals',
  'f16-clamp': 'f16, clamped',
  'f16-flush-clamp': 'f16 without subnormals, clamped',
  bf16: 'bf16',
  e4m3fn: 'FP8 E4M3',
  i8: 'INT8',
  e5m2: 'FP8 E5M2',
  e2m1fn: 'FP4 E2M1',
};

export function formatWords(format: FormatId): string {
  return isSimulatedFormat(format)
    ? `simulated ${format.toUpperCase().replace('-', ' ')}`
    : FORMAT_WORDS[format];
}

/** "34 % of the gradients that matmuls and attention read are flushed to zero in f16": the what-if in words. */
export function whatIfSentence(
  frame: NumericsFrame,
  scaleLog2: number,
  format: FormatId,
  bands: Bands,
): { share: string; rest: string } {
  const losses = frameLosses(frame, scaleLog2, bands, isScaledOperand);
  const shift = scaleLog2 - Math.log2(frame.scale);
  let worst = { name: '', share: 0 };
  for (const [i, row] of frame.rows.entries()) {
    if (!isScaledOperand(row)) continue;
    const share = flushedShare(lossesAt(rowCounts(frame, i), shift, bands)) ?? 0;
    if (share > worst.share) worst = { name: row.name, share };
  }
  const flushed = flushedShare(losses);
  if (flushed === null) {
    return {
      share: 'All',
      rest: 'of the gradients that matmuls and attention read are exactly zero: no loss scale restores them.',
    };
  }
  const overflow =
    losses.overflow === 0
      ? 'None overflows.'
      : `${formatCount(losses.overflow)} ${losses.overflow === 1 ? 'overflows' : 'overflow'}: the step is skipped.`;
  const most = worst.share > 0 ? `, most in ${worst.name} (${formatPercent(worst.share)})` : '';
  const zeros =
    losses.zeros === 0
      ? ''
      : ` In addition, ${formatPercent(losses.zeros / (losses.zeros + nonZero(losses)))} of all were exactly zero before they were stored.`;
  return {
    share: formatPercent(flushed),
    rest: `of the gradients that matmuls and attention read are flushed to zero in ${formatWords(format)}${most}; ${shareWords(subnormalShare(losses))} keep fewer bits. ${overflow}${zeros}`,
  };
}

/** A share of the values that are not zero, or why there is none. */
export function shareWords(share: number | null): string {
  return share === null ? 'all zero' : formatPercent(share);
}

/** "16 of 28 parameter tensors get no gradient": how much of the model a step can train at all. */
export function gradientSentence(frame: NumericsFrame): { count: string; rest: string } {
  const { without, of } = tensorsWithoutGradient(frame);
  return without === 0
    ? { count: `All ${formatCount(of)}`, rest: 'parameter tensors get a gradient.' }
    : {
        count: `${formatCount(without)} of ${formatCount(of)}`,
        rest: `parameter tensors get no gradient: ${without === 1 ? 'its' : 'their'} gradient is exactly zero everywhere.`,
      };
}

/** The text alternative of the underflow strip; `history` must not be empty. */
export function stripSentence(history: UnderflowHistory): string {
  const last = history.length - 1;
  const layers = Array.from({ length: history.layers }, (_, layer) => ({
    name: layer === history.layers - 1 ? 'the head' : blockName(layer),
    share: history.share(last, layer),
  }));
  const zero = layers.filter(({ share }) => share === null).map(({ name }) => name);
  const worst = layers.reduce((most, layer) => ((layer.share ?? 0) > (most.share ?? 0) ? layer : most));
  const most = worst.share ? `most in ${worst.name}: ${formatPercent(worst.share)}` : 'none';
  const dead = zero.length === 0 ? '' : ` Grey, because already exactly zero: ${zero.join(', ')}.`;
  return `Share of gradients flushed to zero by layer, steps ${formatCount(history.step(0))} to ${formatCount(history.step(last))}. At the last step, ${most}.${dead}`;
}

export function hoverSentence(
  { row, total, shares, losses, largest }: HeatRow,
  column: number | null,
): string {
  const cell = column === null ? '' : `${columnName(column)}: ${formatPercent(shares[column]!)} of `;
  const values = `${row.name}: ${cell}${formatCount(total)} values`;
  const [flushed, subnormal] = [flushedShare(losses), subnormalShare(losses)];
  if (flushed === null || subnormal === null) return `${values}, all exactly zero.`;
  const zeros = losses.zeros === 0 ? '' : `exact zeros ${formatPercent(losses.zeros / total)}, `;
  return `${values}, ${largestWords(largest)}. Flushed ${formatPercent(flushed)}, ${zeros}subnormal ${formatPercent(subnormal)}, overflow ${formatCount(losses.overflow)}.`;
}

function largestWords(largest: number | null): string {
  return largest === null ? 'none of the others finite' : `largest below ${formatPowerOfTwo(largest + 1)}`;
}

/** A number that was measured of a tensor; null where there is none. @param row has the numbers by the keys of their columns */
export function numberIn({ key }: NumberColumn, row: object): number | null {
  return (row as Readonly<Record<string, number | null>>)[key] ?? null;
}

/** The same in words, or why there is none. */
export function numberWords(column: NumberColumn, row: object): string {
  const { unit, without } = column;
  const value = numberIn(column, row);
  if (value === null) return without?.(row) ?? '–';
  if (!Number.isFinite(value)) return 'not finite';
  if (unit === 'dB') return `${value.toFixed(1)} dB`;
  return unit === 'share' ? formatPercent(value) : value.toPrecision(3);
}

/** Updates that may announce a jump of the loss, or that none does. */
export function updatesSentence(updates: readonly UpdateNumbers[]): string {
  const { alarm } = UPDATE_NUMBERS.rms;
  const high = updates.filter(({ rms }) => rms >= alarm).toSorted((a, b) => b.rms - a.rms);
  const what = 'An update has an RMS of about 1 in a steady run.';
  const [most] = high;
  if (!most) return `${what} None has ${alarm} or more, from which on the loss may jump.`;
  const count = high.length === 1 ? 'One has' : `${formatCount(high.length)} have`;
  return `${what} ${count} ${alarm} or more, most that of ${most.name} (${most.rms.toPrecision(3)}): its second moment is behind its gradients, and the loss may jump.`;
}

/** What long FP8 runs fail by: how far the branches of gated MLPs point the same way, and second moments at their floor. */
export function longRunSentence({ alignment, atFloor }: LongRunTelemetry): string {
  const most = alignment.toSorted((a, b) => b.largest - a.largest)[0];
  const aligned = most
    ? `Gate and up of a channel are aligned most in ${most.name}: |cos| is ${most.largest.toFixed(2)} at most and ${most.mean.toFixed(2)} on average, and at least 0.9 in ${formatPercent(most.aligned)} of its channels.`
    : null;
  const floored =
    atFloor === null
      ? null
      : `${formatPercent(atFloor)} of the second moments have the smallest code of E5M2.`;
  return [aligned, floored].filter((sentence) => sentence !== null).join(' ');
}

/** Explains what the ratios compare. */
export const NOISE_SENTENCE =
  'Kurtosis is 3 for normally distributed values, and more where few are large. Measured on the values in the last micro-batch of the step: weights against their FP32 masters, FP8 operands with their scale, and values that kernels narrow as they store them against the same kernels with FP32 output.';

/** What is counted, and what the counts cannot show. */
export function limitsOf(view: NumericsView, recipe: Recipe): string[] {
  if (view === 'weights') return ['Weights are counted as matmuls and embeddings read them.'];
  if (view === 'activations') {
    return [
      'Activations are counted as stored: the newest batch, from training or evaluation, runs through the model once more with the current weights.',
    ];
  }
  const { format: gradient } = recipe.storage('gradient');
  const parameters =
    gradient === 'f32'
      ? 'Parameter gradients are accumulated and stored in FP32 in this mode, so none of them are lost. Their rows show what a narrower format would lose.'
      : `Parameter gradients are counted as stored, in ${formatWords(gradient)}: flushed values show as exact zeros.`;
  return [
    'Gradients of activations are counted in FP32 before they are narrowed, so that values which the format flushes are still visible.',
    parameters,
    'Flushed shares refer to values that are not zero. An exact zero was zero before it was stored: its inputs were flushed, or there is nothing to learn there, as at positions without a loss.',
    'A forecast treats each tensor separately: values that were lost upstream and never reached a tensor are not restored by another scale.',
    'The best scale has the fewest overflows, then the fewest flushed values, then the fewest subnormal ones. It may leave no headroom: gradients of the next step can be larger and overflow.',
    'Bands are exact to a power of two: a value from 65,520 to 65,536 overflows f16 but shares a column with values that do not.',
  ];
}
