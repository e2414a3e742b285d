/** Values on which scaling could go wrong, and the scales behind the elements of a tensor as bytes. */
import { normalAt, randomBits } from '../../../src/engine/core/rng.ts';
import type { ScaleKind } from '../../../src/engine/precision/storage.ts';
import { decodeBits } from '../../../src/engine/reference/rounding.ts';

/** Groups that share a scale. Subnormal f32 numbers are left out: adapters may flush them. */
const GROUPS: readonly ((i: number) => number)[] = [
  () => 0,
  (i) => (i === 1 ? Number.POSITIVE_INFINITY : i),
  (i) => (i === 0 ? Number.NaN : -i),
  (i) => (i + 1) * 2 ** -124,
  (i) => ((i % 12) - 6) * 2 ** 124,
  () => 0.3,
  (i) => (i === 3 ? -1e6 : 1e-3),
  (i) => 1.75 * 2 ** ((i % 8) - 4) * (i % 2 ? 1 + 2 ** -23 : 1),
];

/** Element `i` of a group: those above, then usual ones of many sizes. */
export function scaledInput(group: number, i: number): number {
  const usual = normalAt(group * 4096 + i, 3) * 2 ** ((randomBits(group, 4) % 16) - 8);
  return Math.fround(GROUPS[group]?.(i) ?? usual);
}

/** Inverse scales as they are stored: from the last word backwards. */
export function inversesOf(
  bytes: ArrayBuffer,
  { offset, size }: { offset: number; size: number },
  count: number,
  as: ScaleKind,
): number[] {
  const words = new Uint32Array(bytes, offset, size / 4);
  return Array.from({ length: count }, (_, k) => {
    if (as === 'pow2' || as === 'f32') return decodeBits('f32', words.at(-1 - k)!);
    const byte = (words.at(-1 - (k >> 2))! >>> (8 * (k & 3))) & 255;
    return as === 'e8m0' ? 2 ** (byte - 127) : decodeBits('e4m3fn', byte);
  });
}

/** Stores the inverse 2^exponent of scale `k` in the words of a tensor, which are zero there. */
export function putInverse(words: Uint32Array, as: ScaleKind, k: number, exponent: number): void {
  const [word, shift] = as === 'e8m0' ? [k >> 2, 8 * (k & 3)] : [k, 23];
  words[words.length - 1 - word]! |= (127 + exponent) << shift;
}
