/**
 * What rounding the output gradients to NVFP4 adds to the gradients of weights, to nearest and stochastically: how much of it
 * a batch has, and how much all batches have in common, which no mean over them takes away.
 */
import { parseArgs } from 'node:util';
import { gptConfig } from '../../src/engine/config/trainConfig.ts';
import { batchAt } from '../../src/engine/index.ts';
import { describeRecipe } from '../../src/engine/precision/description.ts';
import { recipeOf } from '../../src/engine/precision/recipes.ts';
import { transformedRows } from '../../src/engine/reference/blockScales.ts';
import {
  type Activations,
  type Batch,
  modelForward,
  type Parameters,
  type ReferenceModel,
} from '../../src/engine/reference/model.ts';
import { modelBackward } from '../../src/engine/reference/modelBackward.ts';
import type { BlockQuantization } from '../../src/engine/reference/store.ts';
import { trainedOn } from '../trainedModel.ts';

type Rounding = 'nearest' | 'stochastic';

/** Of `nvfp4`, what rounds output gradients: nothing else is rounded. */
const GRADIENTS_ALONE: Omit<BlockQuantization, 'stochastic'> = {
  ...{ formats: { activation: 'f32', weight: 'f32', outputGradient: 'e2m1fn' }, length: 16, squares: true },
  ...{ scale: { as: 'e4m3' }, preActivation: null, transform: true, kept: 1 },
};

/** Sums over pairs of vectors: of each with itself, and of each with every other. */
class Products {
  readonly #vectors: Float64Array[] = [];

  add(vector: Float64Array): void {
    this.#vectors.push(vector);
  }

  /** Mean squared length. */
  get ofEach(): number {
    return this.#vectors.reduce((sum, vector) => sum + dot(vector, vector), 0) / this.#vectors.length;
  }

  /** Mean product of two different vectors: what is left of the squared length of the mean of very many. */
  get ofPairs(): number {
    const count = this.#vectors.length;
    const total = new Float64Array(this.#vectors[0]!.length);
    for (const vector of this.#vectors) for (let i = 0; i < total.length; i++) total[i]! += vector[i]!;
    return (dot(total, total) - count * this.ofEach) / (count * (count - 1));
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The inputs of quantised layers as the transformed product of dW reads them. */
function withTransformedInputs(saved: Activations, rows: number): Activations {
  const layers = saved.layers.map((layer, at) => {
    if (at >= saved.layers.length - GRADIENTS_ALONE.kept) return layer;
    const inputs = Object.entries(layer.saved).map(([part, x]) => [
      part,
      transformedRows(x, x.length / rows),
    ]);
    return { ...layer, saved: Object.fromEntries(inputs) as typeof layer.saved };
  });
  return { ...saved, layers };
}

/** By name: the gradients of the weights of the blocks that are quantised, each less `exact` where it is given. */
function weightGradients(
  gradients: Parameters,
  layers: number,
  exact?: Parameters,
): Map<string, Float64Array> {
  const quantised = layers - GRADIENTS_ALONE.kept;
  const names = [...gradients.keys()].filter((name) => /^h\.\d+\.(attn|mlp)\.c_\w+\.weight$/.test(name));
  const own = names.filter((name) => Number(name.split('.')[1]) < quantised);
  return new Map(
    own.map((name) => {
      const values = gradients.get(name)!;
      const from = exact?.get(name);
      return [name, from ? values.map((x, i) => x - from[i]!) : values];
    }),
  );
}

function joined(parts: Iterable<Float64Array>): Float64Array {
  return Float64Array.from([...parts].flatMap((part) => [...part]));
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { data: { type: 'string' }, steps: { type: 'string' }, batches: { type: 'string' } },
  });
  if (values.data === undefined) throw new Error('Give the text to train on: --data FILE');
  const { config, dataset, parameters } = await trainedOn(values.data, Number(values.steps ?? 300));
  const { context, batch: B, layers } = config;
  const exactly = describeRecipe(recipeOf('fp32'));
  const model: ReferenceModel = { config: gptConfig(config, dataset.tokenizer.vocabulary), recipe: exactly };
  const rounding = (how: Rounding): ReferenceModel => ({
    ...model,
    recipe: { ...exactly, blocks: { ...GRADIENTS_ALONE, stochastic: how === 'stochastic' } },
  });
  /** By group of weights: gradients of batches, and their errors. */
  const sums = new Map<string, Record<'gradient' | Rounding, Products>>();
  const note = (which: 'gradient' | Rounding, gradients: Map<string, Float64Array>) => {
    const groups = new Map<string, Float64Array>([['all', joined(gradients.values())]]);
    for (const block of new Set([...gradients.keys()].map((name) => name.split('.')[1]!))) {
      const own = [...gradients].filter(([name]) => name.startsWith(`h.${block}.`)).map(([, each]) => each);
      groups.set(`block ${Number(block) + 1}`, joined(own));
    }
    for (const [group, vector] of groups) {
      if (!sums.has(group))
        sums.set(group, { gradient: new Products(), nearest: new Products(), stochastic: new Products() });
      sums.get(group)![which].add(vector);
    }
  };
  const count = Number(values.batches ?? 8);
  for (let index = 0; index < count; index++) {
    const tokens = batchAt(dataset.train, index, { batch: B, context, order: 'random', seed: 77 });
    const withKey = (seed: number): Batch => ({
      ...{ ...tokens, B, T: context },
      windows: Array.from({ length: B }, (_, window) => ({ seed, index: window })),
    });
    const saved = modelForward(model, parameters, withKey(0));
    const exact = modelBackward(model, parameters, withKey(0), saved);
    note('gradient', weightGradients(exact, layers));
    const mixed = withTransformedInputs(saved, B * context);
    const errorOf = (how: Rounding, key: number) =>
      weightGradients(modelBackward(rounding(how), parameters, withKey(key), mixed), layers, exact);
    note('nearest', errorOf('nearest', 0));
    note('stochastic', errorOf('stochastic', index));
  }
  const titles = [
    ...['weights of', 'choice of a batch', 'nearest, one batch', 'stochastic, one batch'],
    ...['nearest, common to batches', 'stochastic, common to batches'],
  ];
  process.stdout.write(`| ${titles.join(' | ')} |\n`);
  for (const [group, { gradient, nearest, stochastic }] of sums) {
    // The squared length of the mean gradient, without what the choice of these batches adds to it.
    const signal = gradient.ofPairs;
    const cells = [
      gradient.ofEach - signal,
      ...[nearest.ofEach, stochastic.ofEach, nearest.ofPairs, stochastic.ofPairs],
    ].map((value) => `${((100 * value) / signal).toPrecision(3)} %`);
    process.stdout.write(`| ${[group, ...cells].join(' | ')} |\n`);
  }
}
