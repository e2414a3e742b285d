/** Llama 3's scaling of RoPE, which a GGUF file has as a factor for each pair of channels. */
import { type RopeScaling, readRopeScaling } from '../config/ropeScaling.ts';

/** The tensor with the factors, (D / 2). */
export const ROPE_FACTORS = 'rope_freqs.weight';

/** The scalings of published models: Llama 3.1, and 3.2 of one and of three thousand million parameters. */
const PUBLISHED = ['llama3:8:1:4:8192', 'llama3:32:1:4:8192'];
/** Allowed relative difference of a factor, which other programs compute in f32. */
const CLOSE = 1e-4;

/** By how much each pair's angle is divided, (D / 2). */
export function ropeFactors(scaling: RopeScaling, base: number, headSize: number): Float32Array {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
  return Float32Array.from({ length: headSize / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * base ** ((2 * i) / headSize);
    if (wavelength < originalContext / high) return 1;
    if (wavelength > originalContext / low) return factor;
    const smooth = (originalContext / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** The `rope_scaling` of a config.json that gives the factors; null where no published one does. */
export function ropeScalingOf(factors: Float32Array, base: number, headSize: number): object | null {
  for (const name of PUBLISHED) {
    const scaling = readRopeScaling(name)!;
    const wanted = ropeFactors(scaling, base, headSize);
    const isClose = (value: number, i: number) => Math.abs(factors[i]! / value - 1) < CLOSE;
    if (factors.length !== wanted.length || !wanted.every(isClose)) continue;
    return {
      rope_type: 'llama3',
      factor: scaling.factor,
      low_freq_factor: scaling.lowFrequencyFactor,
      high_freq_factor: scaling.highFrequencyFactor,
      original_max_position_embeddings: scaling.originalContext,
    };
  }
  return null;
}
