/** The training that every implementation does: shape, equal start, equal batches, plain Adam at one learning rate. */

import {
  type Batch,
  batchAt,
  createDataset,
  type Dataset,
  type GptConfig,
  gptConfig,
  initialValues,
  parameterSpecs,
  type TrainConfig,
} from '../../src/engine/index.ts';

export interface Parameter {
  readonly name: string;
  /** (rows, columns) of a matrix, (columns) of a vector. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface Task {
  readonly gpt: GptConfig;
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  /** B * T ids of training step `index`, from 0. */
  readonly batch: (index: number) => Batch;
}

/** Characters of the shape with the tokenizer `char`: the vocabulary that small character models are compared with. */
const CHARACTERS = 65;

/**
 * Weight decay and clipping are off and the learning rate is constant: what all implementations can do alike, so that
 * their losses can be compared step by step.
 */
export function makeTask(shape: TrainConfig, text: string): Task {
  const config: TrainConfig = {
    ...shape,
    ...{ learningRate: 3e-4, minLearningRate: 3e-4, warmup: 0, weightDecay: 0, clip: 0 },
    ...{ steps: 1_000_000, evalEvery: 0, evalBatches: 1, sampleLength: 0 },
  };
  const { tokenizer, context } = config;
  const kept = tokenizer === 'char' ? reduceCharacters(text, CHARACTERS) : text;
  const dataset = createDataset(kept, { name: 'Moby Dick', tokenizer, context });
  return {
    gpt: gptConfig(config, dataset.tokenizer.vocabulary),
    config,
    dataset,
    batch: (index) => batchAt(dataset.train, index, config),
  };
}

/** What Halfstep starts from, without the rows that pad its vocabulary. */
export function initialParameters({ gpt, config }: Task): Parameter[] {
  return parameterSpecs(gpt).map((spec) => {
    const values = initialValues(spec, config.seed);
    const { learnedRows: rows } = spec;
    return {
      name: spec.name,
      shape: spec.decays ? [rows, spec.columns] : [spec.columns],
      values: values.subarray(0, rows * spec.columns),
    };
  });
}

/** The text with its `count` most frequent characters; all others become spaces. */
export function reduceCharacters(text: string, count: number): string {
  const uses = new Map<string, number>();
  for (const character of text) uses.set(character, (uses.get(character) ?? 0) + 1);
  const kept = new Set(
    [...uses]
      .sort((a, b) => b[1] - a[1])
      .map(([character]) => character)
      .slice(0, count),
  );
  return Array.from(text, (character) => (kept.has(character) ? character : ' ')).join('');
}
