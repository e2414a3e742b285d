/**
 * Operands with a scale for each block along the sums of a product: OCP's microscaling formats with the scale rules of torchao,
 * and NVFP4 as arXiv 2509.25149 describes it. The oracle for `shaders/quantize_blocks.wgsl`, `quantize_column_blocks.wgsl` and
 * the libraries that they import.
 */
import { randomBits } from '../core/rng.ts';
import { type FormatId, formatInfo, largestFinite, normalExponent } from '../precision/formats.ts';
import type { ScaleRule } from '../precision/storage.ts';
import { decodeBits, encodeE2m1Stochastic, f32Bits, roundTo } from './rounding.ts';
import { amaxBits, inverseFor } from './tensorScale.ts';

/** How the blocks of a matrix are stored. */
export interface BlockFormat {
  readonly format: FormatId;
  /** Rows and columns that share a scale. */
  readonly rows: number;
  readonly columns: number;
  /** A power of two with its rule (null for the largest that fits), or E4M3 times an f32 scale of the matrix. */
  readonly scale: { readonly as: 'e8m0'; readonly rule: ScaleRule | null } | { readonly as: 'e4m3' };
}

/** A matrix as it reads back, and what each of its codes was multiplied by for it. */
export interface StoredBlocks {
  readonly values: Float64Array;
  readonly inverses: Float64Array;
}

/** The 32 random bits with which an element is rounded. */
export type RandomAt = (row: number, column: number) => number;

/**
 * What the values of a block are divided by: 2^k, for a largest magnitude between 0 and infinity.
 * @param emax exponent of the largest power of two of the format
 */
export function blockExponent(amax: number, format: FormatId, rule: ScaleRule): number {
  const largest = largestFinite(format);
  const emax = Math.floor(Math.log2(largest));
  const below = exponentOf(amax);
  const exponent = {
    floor: () => below - emax,
    ceil: () => (amax > 2 ** below ? below + 1 : below) - emax,
    // Half a step of the format's mantissa up or down, ties up.
    even: () => (amax >= 2 ** below * (2 - 2 ** -(mantissaBits(largest) + 1)) ? below + 1 : below) - emax,
    rceil: () => {
      let k = below - emax - 1;
      while (amax > largest * 2 ** k) k++;
      return k;
    },
  }[rule]();
  return Math.max(-126, Math.min(126, exponent));
}

function exponentOf(x: number): number {
  const guess = Math.floor(Math.log2(x));
  return 2 ** guess > x ? guess - 1 : 2 ** (guess + 1) <= x ? guess + 1 : guess;
}

/** Of E4M3, whose largest value 448 is 1.75 times 2^8, and of E2M1 with 1.5 times 2^2. */
function mantissaBits(largest: number): number {
  return largest === 448 ? 3 : 1;
}

/** @param random where values are rounded stochastically */
export function storedInBlocks(
  values: ArrayLike<number>,
  width: number,
  { format, rows, columns, scale }: BlockFormat,
  random?: RandomAt,
): StoredBlocks {
  const height = values.length / width;
  const stored = { values: new Float64Array(values.length), inverses: new Float64Array(values.length) };
  const all = amaxBits(values);
  const isTwoLevel = scale.as === 'e4m3';
  const ofTensor = isTwoLevel ? inverseFor(all, 448 * largestFinite(format)) : 1;
  for (let top = 0; top < height; top += rows) {
    for (let left = 0; left < width; left += columns) {
      const places: number[] = [];
      for (let row = top; row < Math.min(top + rows, height); row++) {
        for (let column = left; column < Math.min(left + columns, width); column++)
          places.push(row * width + column);
      }
      const bits = amaxBits(places.map((at) => values[at]!));
      const poisoned = (isTwoLevel ? all : bits) >= 0x7f800000;
      const inverse = poisoned ? Number.NaN : inverseOf(bits);
      for (const at of places) {
        stored.inverses[at] = inverse;
        stored.values[at] = rounded(values[at]!, inverse, at);
      }
    }
  }
  return stored;

  function inverseOf(bits: number): number {
    if (bits === 0) return ofTensor;
    const amax = decodeBits('f32', bits);
    if (scale.as === 'e8m0') return 2 ** blockExponent(amax, format, scale.rule ?? 'rceil');
    const own = inverseFor(bits, largestFinite(format));
    return roundTo('e4m3fn', Math.fround(own / ofTensor)) * ofTensor;
  }

  function rounded(x: number, inverse: number, at: number): number {
    // Blocks that are so small that their scale is rounded to 0.
    if (inverse === 0) return 0;
    // As the kernels compute it: bf16 values often lie halfway between two codes, and the rounding of the scale decides.
    const scaled = Math.fround(x * Math.fround(1 / Math.fround(inverse)));
    if (!random || Number.isNaN(scaled)) return roundTo(format, scaled) * inverse;
    const code = encodeE2m1Stochastic(f32Bits(scaled), random(Math.floor(at / width), at % width));
    return decodeBits('e2m1fn', code) * inverse;
  }
}

/** The distance between neighbouring values at each of those that were stored. */
export function stepsOf(values: Float64Array, inverses: Float64Array, format: FormatId): Float64Array {
  const info = formatInfo(format);
  const least = 2 ** normalExponent(info);
  return values.map((value, i) => {
    const inverse = inverses[i]!;
    const magnitude = inverse === 0 ? least : Math.max(least, Math.abs(value) / inverse);
    return inverse * 2 ** (Math.floor(Math.log2(magnitude)) - info.mantissaBits);
  });
}

/** Signs of TransformerEngine's random Hadamard transform, which are the same in every run. */
const SIGNS = [1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1] as const;

/** Element (i, j) of R = diag(signs) H / 4, with Sylvester's H: R R^T = 1. */
export function hadamardElement(i: number, j: number): number {
  let both = i & j;
  let sign = 1;
  while (both > 0) {
    if (both & 1) sign = -sign;
    both >>= 1;
  }
  return (SIGNS[i]! * sign) / 4;
}

/** R^T times each 16 rows of a matrix; the last of fewer rows are completed by zeros. */
export function transformedRows(values: ArrayLike<number>, width: number): Float64Array {
  const height = values.length / width;
  const out = new Float64Array(Math.ceil(height / 16) * 16 * width);
  for (let row = 0; row < height; row++) {
    const top = row - (row % 16);
    for (let j = 0; j < 16; j++) {
      const factor = hadamardElement(row % 16, j);
      for (let column = 0; column < width; column++)
        out[(top + j) * width + column]! += factor * values[row * width + column]!;
    }
  }
  return out;
}

/**
 * Random bits of a copy of a matrix of tokens.
 * @param windows seed of the step and index of each window in it
 * @param context rows of a window
 */
export function windowBits(
  windows: readonly { readonly seed: number; readonly index: number }[],
  context: number,
  width: number,
  stream: number,
): RandomAt {
  return (row, column) => {
    const window = Math.min(Math.floor(row / context), windows.length - 1);
    const { seed, index } = windows[window]!;
    const own = randomBits(index, (seed ^ stream) >>> 0);
    return randomBits((row - window * context) * width + column, own);
  };
}
