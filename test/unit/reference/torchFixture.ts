/** Reads test/fixtures/torch_gpt.json, written by scripts/make_torch_fixtures.py. */
import { readFileSync } from 'node:fs';
import { GPT2_KINDS, type GptConfig, paddedVocabulary } from '../../../src/engine/config/gptConfig.ts';
import type { Batch, Parameters } from '../../../src/engine/reference/model.ts';

export interface TorchTensor {
  readonly shape: readonly number[];
  /** 2-norm and sum in float64, of values that were rounded to float32 only for the file. */
  readonly norm: number;
  readonly sum: number;
  /** base64 of little-endian float32 */
  readonly float32: string;
}

export interface TorchFixture {
  readonly config: GptConfig;
  readonly batch: number;
  readonly steps: number;
  readonly optimizer: {
    readonly learningRate: number;
    readonly minLearningRate: number;
    readonly warmup: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
    readonly clip: number;
  };
  /** (steps, batch * context) */
  readonly tokens: readonly (readonly number[])[];
  readonly targets: readonly (readonly number[])[];
  readonly learningRate: readonly number[];
  readonly loss: readonly number[];
  /** Before the clip. */
  readonly gradNorm: readonly number[];
  readonly lossFloat32: readonly number[];
  readonly gradNormFloat32: readonly number[];
  readonly initial: Readonly<Record<string, TorchTensor>>;
  readonly gradients: Readonly<Record<string, TorchTensor>>;
  readonly final: Readonly<Record<string, TorchTensor>>;
}

export function readTorchFixture(): TorchFixture {
  const path = new URL('../../fixtures/torch_gpt.json', import.meta.url);
  const fixture = JSON.parse(readFileSync(path, 'utf8')) as TorchFixture;
  return { ...fixture, config: { ...fixture.config, ...GPT2_KINDS } };
}

export function valuesOf({ float32, shape }: TorchTensor): Float32Array {
  const bytes = Buffer.from(float32, 'base64');
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== 4 * count) throw new Error(`fixture: ${bytes.length} bytes for ${count} numbers`);
  return Float32Array.from({ length: count }, (_, i) => bytes.readFloatLE(4 * i));
}

/** Initial values by name; the embedding gets its padded rows, zero. */
export function initialParameters({ config, initial }: TorchFixture): Parameters {
  return new Map(
    Object.entries(initial).map(([name, tensor]) => {
      const values = valuesOf(tensor);
      const length = name === 'wte.weight' ? paddedVocabulary(config) * config.width : values.length;
      const padded = new Float64Array(length);
      padded.set(values);
      return [name, padded];
    }),
  );
}

/** The batch of a step, from 0. */
export function batchOf({ config, batch, tokens, targets }: TorchFixture, step: number): Batch {
  return { tokens: tokens[step]!, targets: targets[step]!, B: batch, T: config.context };
}
