/** Weights as 64-bit fixed-point integers: n stands for n 2^(exponent - 62). In integers; the oracle of shaders/lib/fixed.wgsl. */
import { f32Bits, fromF32Bits } from './rounding.ts';

/** `x`, a finite f32, at the last bit of the format: to nearest, ties to even. */
export function fixedOf(x: number, exponent: number): bigint {
  const bits = f32Bits(x);
  const field = (bits >>> 23) & 0xff;
  const significand = BigInt((bits & 0x7fffff) | (field === 0 ? 0 : 0x800000));
  const shift = Math.max(field, 1) - 150 + 62 - exponent;
  const magnitude = shift >= 0 ? significand << BigInt(shift) : shiftedRight(significand, -shift);
  return bits >>> 31 === 1 ? -magnitude : magnitude;
}

/** The nearest f32, ties to even. */
export function floatOf(n: bigint, exponent: number): number {
  if (n === 0n) return 0;
  const magnitude = n < 0n ? -n : n;
  const bits = magnitude.toString(2).length;
  const kept = bits <= 24 ? magnitude : shiftedRight(magnitude, bits - 24);
  // Both factors are exact in f64.
  const value = Number(kept) * 2 ** (Math.max(0, bits - 24) + exponent - 62);
  return fromF32Bits(f32Bits(n < 0n ? -value : value));
}

function shiftedRight(n: bigint, by: number): bigint {
  if (by > 64) return 0n;
  const shift = BigInt(by);
  const below = n >> shift;
  const rest = n - (below << shift);
  const half = 1n << (shift - 1n);
  return below + (rest > half || (rest === half && (below & 1n) === 1n) ? 1n : 0n);
}

/** The exponent of weights whose largest magnitude is given: two bits of headroom, and 2^-54 or finer to begin with. */
export function fixedExponent(largest: number): number {
  const own = largest > 0 ? Math.ceil(Math.log2(largest)) + 2 : 0;
  return Math.max(0, own);
}

/** The exponent with which `count` numbers that are not larger than `largest` can be added; see shaders/lib/fixed_sum.wgsl. */
export function fixedSumExponent(largest: number, count: number): number {
  const field = (f32Bits(largest) >>> 23) & 0xff;
  return Math.max(field - 126 + Math.ceil(Math.log2(Math.max(1, count))), -60);
}

/** The nearest f32 of a sum in integers, which no order of the finite f32 `values` changes. */
export function fixedSum(values: Iterable<number>, exponent: number): number {
  let sum = 0n;
  for (const value of values) sum += fixedOf(value, exponent);
  return floatOf(sum, exponent);
}
