/** How an optimizer's moments are rounded between steps: the oracle for shaders/lib/moments.wgsl and what it imports. */

import { randomBits } from '../core/rng.ts';
import { type FormatId, largestFinite } from '../precision/formats.ts';
import { MOMENT_GROUP, type MomentFormats } from '../precision/optimStates.ts';
import { decodeBits, encodeBf16Stochastic, f32Bits, roundTo } from './rounding.ts';

/** The record of a group: its largest magnitude, and the exponent that stretches (above 1) or compresses its range. */
export interface MomentGroup {
  readonly largest: number;
  readonly k: number;
}

const LARGEST_CODE = 448;
/** log2 of the range that e4m3fn is taken to hold, as COAT has it: 448^2 / 2. */
const RANGE_LOG2 = Math.log2(LARGEST_CODE ** 2 / 2);
const LEAST_NORMAL = 2 ** -126;

/** Zero where a magnitude is too small to have a logarithm everywhere, or is not finite. */
function magnitude(x: number): number {
  const size = Math.abs(x);
  return size >= LEAST_NORMAL && size < Number.POSITIVE_INFINITY ? size : 0;
}

/** Of all-zero, all-equal and single values too: k is a multiple of 1/16 from 1/16 to 16. */
export function momentGroup(values: Iterable<number>): MomentGroup {
  let largest = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (const value of values) {
    const size = magnitude(value);
    largest = Math.max(largest, size);
    if (size > 0) smallest = Math.min(smallest, size);
  }
  const range = largest === 0 ? 0 : Math.log2(largest) - Math.log2(smallest);
  const k = Math.max(1, Math.floor((16 * RANGE_LOG2) / Math.max(range, RANGE_LOG2 / 16))) / 16;
  return { largest, k };
}

/** What e4m3fn rounds for `x`: at most 448 in magnitude. NaN where `x` is not finite. */
export function expand(x: number, { largest, k }: MomentGroup): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const size = magnitude(x);
  return size === 0 ? 0 : Math.sign(x) * LARGEST_CODE * (size / Math.max(largest, LEAST_NORMAL)) ** k;
}

/** The moment that a stored `q` stands for. */
export function contract(q: number, { largest, k }: MomentGroup): number {
  return q === 0 ? 0 : Math.sign(q) * largest * (Math.abs(q) / LARGEST_CODE) ** (1 / k);
}

/** The largest power of two, or the largest f32, that keeps `largest` times it within the format. */
export function momentScale(
  largest: number,
  format: FormatId,
  kind: MomentFormats['scaleKind'] = 'pow2',
): number {
  const room = largestFinite(format) / Math.max(largest, 2 ** -110);
  return kind === 'f32' ? Math.fround(room) : 2 ** Math.floor(Math.log2(room));
}

/** `x` in the format, but never zero unless it is: the smallest code of e5m2 stands for all that are smaller. */
export function roundAboveZero(format: FormatId, x: number): number {
  return x > 0 ? Math.max(roundTo(format, x), 2 ** -16) : roundTo(format, x);
}

/** Where the random bits of a parameter's elements come from: positions in its chunk, and a seed for each chunk. */
export interface ChunkBits {
  readonly seed: number;
  /** Of the parameter's first element. */
  readonly first: number;
}

const MOMENT_STREAM = 0x9e3779b9;

/** Seed of the random bits of one applied step, for the weights or for the moments. */
export function stepSeed({ seed }: ChunkBits, step: number, of: 'master' | 'moments'): number {
  const bits = randomBits(step, seed);
  return of === 'master' ? bits : (bits ^ MOMENT_STREAM) >>> 0;
}

/** `x` as bf16 after stochastic rounding with the 16 bits from bit `shift` of `random` on. */
export function roundStochastically(x: number, random: number, shift: 0 | 16 = 0): number {
  return decodeBits('bf16', encodeBf16Stochastic(f32Bits(x), random >>> shift));
}

/**
 * Rounds a new moment of one parameter in place, as it is read in the next step.
 * @param step number of the applied step, from 1
 */
export function storeMoment(
  values: Float64Array,
  which: 'firstMoment' | 'secondMoment',
  moments: MomentFormats,
  step: number,
  bits: ChunkBits,
): void {
  const { rounding, scale } = moments;
  const format = moments[which];
  if (scale === 'group') {
    storeGroups(values);
  } else if (scale === 'parameter') {
    storeScaled(values, format, moments, which);
  } else if (rounding === 'stochastic') {
    const seed = stepSeed(bits, step, 'moments');
    const shift = which === 'firstMoment' ? 0 : 16;
    for (let i = 0; i < values.length; i++) {
      values[i] = roundStochastically(values[i]!, randomBits(bits.first + i, seed), shift);
    }
  } else {
    for (let i = 0; i < values.length; i++) values[i] = roundTo(format, values[i]!);
  }
}

function storeGroups(values: Float64Array): void {
  for (let first = 0; first < values.length; first += MOMENT_GROUP) {
    const group = values.subarray(first, first + MOMENT_GROUP);
    const record = momentGroup(group);
    for (let i = 0; i < group.length; i++) {
      group[i] = contract(roundTo('e4m3fn', expand(group[i]!, record)), record);
    }
  }
}

/** What is not finite becomes NaN: saturating would hide it. */
function storeScaled(
  values: Float64Array,
  format: FormatId,
  { scaleKind, floor }: MomentFormats,
  which: 'firstMoment' | 'secondMoment',
): void {
  const largest = values.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
  const scale = momentScale(largest, format, scaleKind);
  const round = floor && which === 'secondMoment' ? roundAboveZero : roundTo;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    values[i] = Number.isFinite(x) ? round(format, x * scale) / scale : Number.NaN;
  }
}
