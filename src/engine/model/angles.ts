/** The angles of RoPE. */
import { type GptConfig, headSize } from '../config/gptConfig.ts';
import { type RopeScaling, readRopeScaling } from '../config/ropeScaling.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { TensorPlan } from './tensorPlan.ts';

/** Angle of each pair of channels at position 1, (D / 2), in radians. */
export function ropeFrequencies(config: GptConfig): Float64Array {
  const D = headSize(config);
  const scaling = readRopeScaling(config.ropeScaling);
  return Float64Array.from({ length: D / 2 }, (_, i) => {
    const frequency = config.ropeBase ** ((-2 * i) / D);
    return scaling ? scaled(frequency, scaling) : frequency;
  });
}

/** Llama 3: high frequencies stay, low ones are divided by the factor, those between are interpolated. */
function scaled(
  frequency: number,
  { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext }: RopeScaling,
): number {
  const turns = (originalContext * frequency) / (2 * Math.PI);
  const share = Math.min(1, Math.max(0, (turns - low) / (high - low)));
  return (1 - share) * (frequency / factor) + share * frequency;
}

/** Plans the tensor of {@link angleTable}; undefined without RoPE. */
export function planAngles(plan: TensorPlan, config: GptConfig): Tensor | undefined {
  if (config.position !== 'rope') return undefined;
  return plan.add('state', 'RoPE angles', 'f32', config.context * headSize(config));
}

/**
 * (T, D / 8, 2, 4) f32: for each position and four pairs of channels the cosines of their angles, then the sines. Computed in
 * f64, so that each is the nearest f32 however large the angle is.
 */
export function angleTable(config: GptConfig): Float32Array<ArrayBuffer> {
  const frequencies = ropeFrequencies(config);
  const table = new Float32Array(2 * config.context * frequencies.length);
  for (let position = 0; position < config.context; position++) {
    for (const [i, frequency] of frequencies.entries()) {
      const at = 2 * (position * frequencies.length + i - (i % 4)) + (i % 4);
      table[at] = Math.cos(position * frequency);
      table[at + 4] = Math.sin(position * frequency);
    }
  }
  return table;
}
