/**
 * Scales of 8-bit tensors: current and delayed scaling as in NVIDIA's TransformerEngine, with scales
 * rounded down to powers of two as its `force_pow_2_scales` does, and kept where the inverse is a normal number too. The
 * oracle for `shaders/lib/tensor_scale.wgsl`.
 */
import type { FormatId } from '../precision/formats.ts';
import { ACTIVATION_GROUP, type AmaxAlgorithm, largestBits } from '../precision/quantization.ts';
import type { ScaleKind } from '../precision/storage.ts';
import { decodeBits, f32Bits, roundTo } from './rounding.ts';

const INFINITY_BITS = 0x7f800000;

/** f32 bits of the largest magnitude; infinity is above all numbers and NaN above infinity. */
export function amaxBits(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, f32Bits(values[i]!) & 0x7fffffff);
  return largest;
}

/** The largest power of two that keeps a magnitude in the format, less the margin; `otherwise` for 0, infinity and NaN. */
export function scaleFor(amax: number, format: FormatId, otherwise: number, margin = 0): number {
  if (amax === 0 || amax >= INFINITY_BITS) return otherwise;
  const largest = largestBits(format);
  // Exponent fields differ by what fits; a subnormal amax has the field 0, beyond the last scale in any case.
  const fits = (amax & 0x7fffff) <= (largest & 0x7fffff) ? 0 : 1;
  const exponent = (largest >>> 23) - (amax >>> 23) - fits - margin;
  return 2 ** Math.max(-126, Math.min(126, exponent));
}

/** What delayed scaling remembers of a tensor: f32 bits of magnitudes, of which the first is the slot of the next step. */
export interface DelayedScale {
  readonly history: readonly number[];
  readonly scale: number;
}

/** After a step in which `newest` (f32 bits) was the largest magnitude. */
export function nextDelayedScale(
  { history, scale }: DelayedScale,
  newest: number,
  format: FormatId,
  margin = 0,
  algorithm: AmaxAlgorithm = 'max',
): DelayedScale {
  const rolled = [...history.slice(1), newest];
  const counts = algorithm === 'max' ? Math.max(...rolled) : newest;
  rolled[0] = 0;
  return { history: rolled, scale: scaleFor(counts, format, scale, margin) };
}

/** Values as they read back, stored in `format` with a scale for each `length` consecutive ones: a group of channels, or a row. */
export function quantizedInGroups(
  values: ArrayLike<number>,
  format: FormatId,
  length: number = ACTIVATION_GROUP,
  as: ScaleKind = 'pow2',
): Float64Array {
  const out = Float64Array.from(values);
  if (format === 'f32') return out;
  const ofTensor = as === 'e4m3' ? inverseFor(amaxBits(values), 448 * largestOf(format)) : 1;
  for (let at = 0; at < out.length; at += length) {
    const group = out.slice(at, at + length);
    if (as === 'pow2' || as === 'e8m0') {
      out.set(quantized(group, format, currentScale(group, format)), at);
      continue;
    }
    const own = inverseFor(amaxBits(group), largestOf(format));
    const inverse = as === 'f32' ? own : roundTo('e4m3fn', Math.fround(own / ofTensor)) * ofTensor;
    out.set(
      group.map((x) => (inverse === 0 ? 0 : roundTo(format, Math.fround(x / inverse)) * inverse)),
      at,
    );
  }
  return out;
}

/** The same with a scale for each of so many columns. */
export function quantizedByColumn(
  values: ArrayLike<number>,
  format: FormatId,
  columns: number,
  as: ScaleKind = 'pow2',
): Float64Array {
  const rows = values.length / columns;
  const turned = Float64Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!);
  const stored = quantizedInGroups(turned, format, rows, as);
  return stored.map((_, at) => stored[(at % columns) * rows + Math.floor(at / columns)]!);
}

/** What values under f32 scales of so many consecutive ones are multiples of, where the format's are integers. */
export function stepsInGroups(values: ArrayLike<number>, format: FormatId, length: number): Float64Array {
  const steps = Float64Array.from(values);
  for (let at = 0; at < steps.length; at += length) {
    const group = steps.subarray(at, at + length);
    group.fill(inverseFor(amaxBits(group), largestOf(format)));
  }
  return steps;
}

/** The same with a scale for each of so many columns. */
export function stepsByColumn(values: ArrayLike<number>, format: FormatId, columns: number): Float64Array {
  const steps = Float64Array.from({ length: columns }, (_, column) => {
    const own = Array.from({ length: values.length / columns }, (_, row) => values[row * columns + column]!);
    return inverseFor(amaxBits(own), largestOf(format));
  });
  return Float64Array.from(values, (_, at) => steps[at % columns]!);
}

/** amax / largest as an f32, rounded up; 1 for 0, infinity and NaN. @param amax f32 bits */
export function inverseFor(amax: number, largest: number): number {
  if (amax === 0 || amax >= INFINITY_BITS) return 1;
  const exact = decodeBits('f32', amax) / largest;
  const nearest = Math.fround(exact);
  const up = nearest < exact ? decodeBits('f32', f32Bits(nearest) + 1) : nearest;
  return Math.max(2 ** -126, up);
}

function largestOf(format: FormatId): number {
  return decodeBits('f32', largestBits(format));
}

/** Values as they read back, stored in `format` at `scale`. */
export function quantized(values: ArrayLike<number>, format: FormatId, scale: number): Float64Array {
  return Float64Array.from(values, (x) => roundTo(format, Math.fround(x * scale)) / scale);
}

/** The scale of a tensor by its own magnitudes. */
export function currentScale(values: ArrayLike<number>, format: FormatId): number {
  return scaleFor(amaxBits(values), format, 1);
}
