/** The models that benchmarks train: the presets, and two shapes for comparison with other WebGPU trainers. */

import { PRESET_NAMES, PRESETS } from '../config/presets.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError, suggestion } from '../core/errors.ts';

const { config: smoke } = PRESETS.smoke;

const SHAPES: ReadonlyMap<string, TrainConfig> = new Map([
  ['a', { ...smoke, layers: 4, heads: 4, width: 128, context: 64, batch: 12, tokenizer: 'char' }],
  ['b', { ...smoke, layers: 4, heads: 4, width: 256, context: 256, batch: 4, tokenizer: 'byte' }],
  ...PRESET_NAMES.map((name): [string, TrainConfig] => [name, PRESETS[name].config]),
]);

export const SHAPE_NAMES: readonly string[] = [...SHAPES.keys()];

/** @throws EngineError BAD_VALUE, suggesting the nearest name */
export function benchShape(name: string): TrainConfig {
  const config = SHAPES.get(name);
  if (config) return config;
  throw new EngineError('BAD_VALUE', `There is no shape "${name}".`, suggestion(name, SHAPE_NAMES));
}

/** Describes a shape: `4 layers, 4 heads, width 128, context 64, batch 12, char tokens`. */
export function describeShape(config: TrainConfig): string {
  const { layers, heads, width, context, batch, tokenizer, vocabulary } = config;
  return `${layers} layers, ${heads} heads, width ${width}, context ${context}, batch ${batch}, ${vocabulary ?? tokenizer} tokens`;
}
