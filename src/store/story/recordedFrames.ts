/**
 * Histograms of a recording. A count is two digits of base 64, 12 bits: counts below 512 are exact, and larger ones are
 * kept to eight bits after the first, so that they are wrong by at most 0.2 %.
 */
import * as v from 'valibot';
import {
  EXPONENT_BIAS,
  NON_FINITE_BIN,
  type NumericsFrame,
  type NumericsRow,
  ZERO_BIN,
} from '../../engine/index.ts';
import { count } from '../../session/metricsSchema.ts';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BINS = NON_FINITE_BIN + 1;
/** Exact zeros, values that are not finite, the first bin that is not empty. */
const HEAD_DIGITS = 6;
const MAX_FRAMES = 1000;

/** The tensors that are counted, the same in every run: name, kind and block. */
export const TENSORS = v.pipe(
  v.array(
    v.tuple([
      v.pipe(v.string(), v.maxLength(200)),
      v.picklist(['parameterGradient', 'activationGradient']),
      v.nullable(count),
    ]),
  ),
  v.maxLength(1000),
);
export type RecordedTensors = v.InferOutput<typeof TENSORS>;

/** The frames of a run. `rows` has the histograms of the tensors, separated by commas; one that is not kept is empty. */
export const FRAMES = v.object({
  /** The format in which each tensor is stored. */
  formats: v.array(v.picklist(['f32', 'f16', 'f16-flush'])),
  frames: v.pipe(
    v.array(
      v.object({
        step: v.pipe(count, v.minValue(1)),
        scaleLog2: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(64)),
        rows: v.pipe(v.string(), v.regex(/^[\w+/,]*$/), v.maxLength(1 << 20)),
      }),
    ),
    v.maxLength(MAX_FRAMES),
  ),
});
export type RecordedFrames = v.InferOutput<typeof FRAMES>;

/** @throws RangeError when the frames do not have a row for each tensor, or a row is not a histogram */
export function framesOf(tensors: RecordedTensors, { formats, frames }: RecordedFrames): NumericsFrame[] {
  const listed = tensors.map(([name, kind, layer], i): NumericsRow => {
    const format = formats[i];
    if (format === undefined)
      throw new RangeError(`There are ${formats.length} formats for ${tensors.length} tensors.`);
    return { name, kind, layer, format, afterNarrowing: kind === 'parameterGradient' && format !== 'f32' };
  });
  return frames.map(({ step, scaleLog2, rows }) => {
    const texts = rows.split(',');
    if (texts.length !== listed.length)
      throw new RangeError(`Step ${step} has ${texts.length} histograms of ${listed.length} tensors.`);
    const kept = listed.filter((_, i) => texts[i] !== '');
    const counts = new Uint32Array(kept.length * BINS);
    for (const [i, text] of texts.filter((text) => text !== '').entries()) {
      readRow(text, counts.subarray(i * BINS, (i + 1) * BINS));
    }
    return { step, scale: 2 ** scaleLog2, rows: kept, counts, noise: [], cost: null };
  });
}

function readRow(text: string, counts: Uint32Array): void {
  if (text.length % 2 !== 0 || text.length < HEAD_DIGITS)
    throw new RangeError(`A histogram has ${text.length} digits.`);
  const number = (at: number) => DIGITS.indexOf(text[at]!) * 64 + DIGITS.indexOf(text[at + 1]!);
  const first = number(4);
  const last = first + (text.length - HEAD_DIGITS) / 2;
  if (first <= ZERO_BIN || last > NON_FINITE_BIN)
    throw new RangeError(
      `A histogram begins at exponent ${first - EXPONENT_BIAS} and has ${last - first} bins.`,
    );
  counts[ZERO_BIN] = countOf(number(0));
  counts[NON_FINITE_BIN] = countOf(number(2));
  for (let bin = first; bin < last; bin++) counts[bin] = countOf(number(HEAD_DIGITS + 2 * (bin - first)));
}

/** The count that 12 bits mean: four bits of exponent before eight of fraction. */
export function countOf(code: number): number {
  const [exponent, fraction] = [code >> 8, code & 0xff];
  return exponent === 0 ? fraction : (256 + fraction) << (exponent - 1);
}
