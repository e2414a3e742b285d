import type { Values } from './store.ts';

export interface RopeOptions {
  readonly base: number;
  /** Llama 3's scaling. */
  readonly scaling?: {
    readonly factor: number;
    readonly lowFrequencyFactor: number;
    readonly highFrequencyFactor: number;
    readonly originalContext: number;
  } | null;
}

/** (D / 2): by how many radians each pair is rotated from a position to the next. */
export function ropeFrequencies(D: number, { base, scaling }: RopeOptions): Float64Array {
  const frequencies = new Float64Array(D / 2);
  for (let i = 0; i < D / 2; i++) {
    const frequency = 1 / base ** ((2 * i) / D);
    frequencies[i] = frequency;
    if (!scaling) continue;
    const { factor, lowFrequencyFactor, highFrequencyFactor, originalContext } = scaling;
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength < originalContext / highFrequencyFactor) continue;
    if (wavelength > originalContext / lowFrequencyFactor) {
      frequencies[i] = frequency / factor;
      continue;
    }
    const smooth =
      (originalContext / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
    frequencies[i] = ((1 - smooth) * frequency) / factor + smooth * frequency;
  }
  return frequencies;
}

/** Rotates the pairs (i, i + D / 2) of a head by position * frequency; by a negative position back. */
export function rotated(head: Values, position: number, frequencies: Float64Array): Float64Array {
  const half = frequencies.length;
  const out = new Float64Array(2 * half);
  for (let i = 0; i < half; i++) {
    const cos = Math.cos(position * frequencies[i]!);
    const sin = Math.sin(position * frequencies[i]!);
    const [low, high] = [head[i]!, head[i + half]!];
    out[i] = low * cos - high * sin;
    out[i + half] = high * cos + low * sin;
  }
  return out;
}
