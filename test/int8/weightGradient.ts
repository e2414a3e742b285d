/** The error of weight gradients whose operands are rounded as in the INT8 modes, against f64, over the number of tokens. */
import { parseArgs } from 'node:util';
import { gptConfig } from '../../src/engine/config/trainConfig.ts';
import { normalAt, randomBits } from '../../src/engine/core/rng.ts';
import { batchAt } from '../../src/engine/index.ts';
import { describeRecipe } from '../../src/engine/precision/description.ts';
import { recipeOf } from '../../src/engine/precision/recipes.ts';
import { matmulTransposedA } from '../../src/engine/reference/matmul.ts';
import { modelForward } from '../../src/engine/reference/model.ts';
import { modelBackward } from '../../src/engine/reference/modelBackward.ts';
import { roundTo } from '../../src/engine/reference/rounding.ts';
import { quantizedByColumn, quantizedInGroups } from '../../src/engine/reference/tensorScale.ts';
import { trainedOn } from '../trainedModel.ts';

const TOKENS = [768, 3072, 12_288];

type Values = Float64Array;

/** Of x (T, K) and dY (T, N). */
interface Operands {
  readonly x: Values;
  readonly dy: Values;
  readonly tokens: number;
}

/** What each mode's weight gradient reads. */
const MODES: Readonly<Record<string, (operands: Operands) => readonly [Values, Values]>> = {
  'int8, int8-q (bf16)': ({ x, dy }) => [inBf16(x), inBf16(dy)],
  'int8-m': ({ x, dy, tokens }) => [quantizedInGroups(x, 'i8', x.length / tokens, 'f32'), inBf16(dy)],
  'int8-all': ({ x, dy, tokens }) => [
    quantizedByColumn(x, 'i8', x.length / tokens, 'f32'),
    quantizedByColumn(dy, 'i8', dy.length / tokens, 'f32'),
  ],
};

function inBf16(values: Values): Values {
  return values.map((x) => roundTo('bf16', x));
}

function norm(values: Values): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

function productOf(x: Values, dy: Values, tokens: number): Values {
  return matmulTransposedA(x, dy, x.length / tokens, dy.length / tokens, tokens);
}

/** |dW - dW in f64| / |dW in f64| of each mode. */
function errorsOf(operands: Operands): Record<string, number> {
  const { x, dy, tokens } = operands;
  const exact = productOf(x, dy, tokens);
  return Object.fromEntries(
    Object.entries(MODES).map(([mode, read]) => {
      const [a, b] = read(operands);
      const own = productOf(a, b, tokens);
      return [mode, norm(own.map((v, i) => v - exact[i]!)) / norm(exact)];
    }),
  );
}

function row(title: string, errors: Readonly<Record<string, number>>): void {
  const cells = Object.values(errors).map((error) => `${(100 * error).toPrecision(3)} %`);
  process.stdout.write(`| ${[title, ...cells].join(' | ')} |\n`);
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { data: { type: 'string' }, steps: { type: 'string' } } });
  process.stdout.write(`| tokens, layer | ${Object.keys(MODES).join(' | ')} |\n`);
  for (const tokens of TOKENS) row(`${tokens}, planted`, errorsOf(planted(tokens)));
  if (values.data !== undefined) await trainedRows(values.data, Number(values.steps ?? 500));
}

/** The first layer of each MLP in a model that is trained on the text first. */
async function trainedRows(path: string, steps: number): Promise<void> {
  const { config, dataset, parameters } = await trainedOn(path, steps);
  for (const tokens of TOKENS) {
    const { context } = config;
    const B = tokens / context;
    const options = { batch: B, context, order: 'random', seed: 77 } as const;
    const batch = { ...batchAt(dataset.train, 0, options), B, T: context };
    // The gradients of the logits, then those of the first layer of each MLP from the last block on.
    const stored: Values[] = [];
    const model = {
      config: gptConfig(config, dataset.tokenizer.vocabulary),
      recipe: describeRecipe(recipeOf('fp32')),
      onStore: (role: string, given: Values) =>
        void (role === 'outputGradient' && stored.push(given.slice())),
    };
    const saved = modelForward(model, parameters, batch);
    modelBackward(model, parameters, batch, saved);
    for (const [layer, { saved: inputs }] of saved.layers.entries()) {
      const dy = stored.filter(({ length }) => length === tokens * 4 * config.width).at(-1 - layer)!;
      row(`${tokens}, h.${layer}.mlp.c_fc`, errorsOf({ x: inputs['mlp.c_fc'], dy, tokens }));
    }
  }
}

/**
 * Samples whose gradients cancel but for a common mean of 0.01: pairs of tokens have the same x and opposite dY, of random
 * signs and sizes, to which 0.01 is added.
 */
function planted(tokens: number, width = 64): Operands {
  const make = (seed: number, of: (token: number, value: number) => number): Values =>
    Float64Array.from({ length: tokens * width }, (_, at) => {
      const token = Math.floor(at / width);
      const pair = Math.floor(token / 2) * width + (at % width);
      return Math.fround(of(token, normalAt(pair, seed)));
    });
  const sign = (token: number) => (token % 2 === 0 ? 1 : -1) * (randomBits(token >> 1, 9) % 2 ? 1 : -1);
  return {
    tokens,
    x: make(1, (_, value) => 1 + 0.1 * value),
    dy: make(2, (token, value) => sign(token) * value + 0.01),
  };
}
