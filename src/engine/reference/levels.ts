/** Rounding to levels, in f64. The oracle of shaders/lib/levels.wgsl. */
import { randomBits } from '../core/rng.ts';
import { largestFinite } from '../precision/formats.ts';
import type { Level } from '../precision/levels.ts';
import type { SimulatedFormat } from '../precision/simulated.ts';
import { roundTo } from './rounding.ts';

const LEAST_STEP = 1e-8;

/** To nearest, ties to even. */
function roundEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/** The distance between neighbouring integers of a range. */
export function integerStep(level: Extract<Level, { kind: 'integer' }>, low: number, high: number): number {
  const { bits, range } = level;
  if (range === 'affine') return Math.max((high - low) / (2 ** bits - 1), LEAST_STEP);
  return Math.max(Math.max(Math.abs(low), Math.abs(high)) / (2 ** (bits - 1) - 1), LEAST_STEP);
}

/** `x` of a range [low, high] at the nearest level. @param noise from -0.5 to 0.5, added to integers before they are rounded */
export function roundToLevel(x: number, low: number, high: number, level: Level, noise = 0): number {
  if (level.kind === 'integer') {
    const step = integerStep(level, low, high);
    if (level.range === 'affine') {
      const code = Math.min(2 ** level.bits - 1, Math.max(0, (x - low) / step + noise));
      return roundEven(code) * step + low;
    }
    const top = 2 ** (level.bits - 1) - 1;
    return roundEven(Math.min(top, Math.max(-top, x / step + noise))) * step;
  }
  const { exponentBits, mantissaBits, rounding } = level;
  const format: SimulatedFormat = `e${exponentBits}m${mantissaBits}-${rounding}`;
  const amax = Math.max(Math.abs(low), Math.abs(high));
  const scale = exponentBits === 8 || amax === 0 ? 1 : powerOfTwoScale(largestFinite(format), amax);
  return roundTo(format, x * scale) / scale;
}

/** A tensor at the levels of its own range, and how far apart they are. @param noiseAt of each element; absent for none */
export function tensorAtLevels(
  values: ArrayLike<number>,
  level: Level,
  noiseAt: (at: number) => number = () => 0,
): { readonly values: Float64Array; readonly step: number } {
  const x = Float64Array.from(values);
  const low = x.reduce((a, b) => Math.min(a, b));
  const high = x.reduce((a, b) => Math.max(a, b));
  const step = level.kind === 'integer' ? integerStep(level, low, high) : 0;
  return { values: x.map((each, at) => roundToLevel(each, low, high, level, noiseAt(at))), step };
}

/** The same of each column of a matrix. */
export function columnsAtLevels(values: ArrayLike<number>, columns: number, level: Level): Float64Array {
  const out = Float64Array.from(values);
  for (let column = 0; column < columns; column++) {
    const own = out.filter((_, at) => at % columns === column);
    for (const [row, x] of tensorAtLevels(own, level).values.entries()) out[row * columns + column] = x;
  }
  return out;
}

/** The noise of element `at` of a gradient, from -0.5 to 0.5. @param stream of the tensor's name @param applied steps of the run */
export function levelNoise(at: number, stream: number, applied: number): number {
  return (randomBits(at, randomBits(applied, stream)) >>> 8) * 2 ** -24 - 0.5;
}

/** The largest power of two that keeps `amax` within `largest`. */
function powerOfTwoScale(largest: number, amax: number): number {
  const exponent = Math.floor(Math.log2(largest / amax));
  const scale = 2 ** Math.min(126, Math.max(-126, exponent));
  return scale * amax > largest ? scale / 2 : scale;
}
