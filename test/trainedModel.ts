/** A small model trained on a text, for measurements of rounding errors on real values. */
import { readFileSync } from 'node:fs';
import { openAdapter } from '../src/cli/adapter.ts';
import { presetOf } from '../src/engine/config/presets.ts';
import {
  createDataset,
  createTrainer,
  type Dataset,
  type TrainConfig,
  type Trainer,
} from '../src/engine/index.ts';
import type { Parameters } from '../src/engine/reference/model.ts';

/** The bench of docs/choosing.md in f32, from seed 1. */
export function benchConfig(steps: number): TrainConfig {
  return {
    ...presetOf('starter').config,
    ...{ layers: 4, heads: 4, width: 128, context: 64, batch: 12, minLearningRate: 1e-4, beta2: 0.99 },
    ...{ tokenizer: 'char', warmup: 50, steps, evalEvery: 0, learningRate: 1e-3, precision: 'fp32', seed: 1 },
  };
}

export interface TrainedModel {
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  /** Its masters. */
  readonly parameters: Parameters;
}

/** Trains the bench on the text in a file, and prints the adapter and the loss of the last step. */
export async function trainedOn(path: string, steps: number): Promise<TrainedModel> {
  const config = benchConfig(steps);
  const text = readFileSync(path, 'utf8');
  const dataset = createDataset(text, { name: 'text', tokenizer: 'char', context: config.context });
  const { device, report } = await openAdapter();
  const trainer = await createTrainer(device, report, config, dataset);
  for (let step = 0; step < config.steps; step++) {
    await trainer.waitForRoom();
    trainer.step();
  }
  await trainer.drain();
  process.stdout.write(`${report.name}, loss ${trainer.takeMetrics().at(-1)?.loss}\n`);
  const parameters = await mastersOf(trainer);
  device.destroy();
  return { config, dataset, parameters };
}

async function mastersOf(trainer: Trainer): Promise<Parameters> {
  const masters: Parameters = new Map();
  for (const [name, { parts }] of trainer.plan.tensors.parameters) {
    const values: number[] = [];
    for (const { master } of parts) {
      const all = new Float32Array(await trainer.read(master.tensor));
      values.push(...all.subarray(master.offset, master.offset + master.elements));
    }
    masters.set(name, Float64Array.from(values));
  }
  return masters;
}
