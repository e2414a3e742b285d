/** Coordinate sizes: how the activations of a model, and their changes in the first steps, depend on its width. */
import { GPT2_KINDS, type GptConfig } from '../../../src/engine/config/gptConfig.ts';
import { integerAt } from '../../../src/engine/core/rng.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { initialValues } from '../../../src/engine/model/parameters.ts';
import { type Activations, type Batch, modelForward } from '../../../src/engine/reference/model.ts';
import { trainState, trainStep } from '../../../src/engine/reference/trainStep.ts';
import { described } from '../described.ts';

/** What is measured, by name. */
const MEASURED: Readonly<Record<string, (activations: Activations) => Float64Array>> = {
  'q, k, v': ({ layers }) => layers.at(-1)!.qkv,
  attention: ({ layers }) => layers.at(-1)!.o,
  MLP: ({ layers }) => layers.at(-1)!.act,
  stream: ({ x }) => x,
  logits: ({ logits }) => logits,
};
export const MEASURED_NAMES = Object.keys(MEASURED);

export interface CoordinateRun {
  readonly mupBase: number | null;
  readonly tied: boolean;
  readonly widths: readonly number[];
  /** Heads of a model: as many more in a wider one, or as many, which are larger then. */
  readonly heads: (width: number) => number;
  readonly learningRate: number;
  readonly steps: number;
  readonly seeds: number;
}

/** Numbers by name and step. At step 0 no weight has moved. */
export type BySteps = ReadonlyMap<string, readonly number[]>;

export interface Slopes {
  /** Of mean |x| after each step, from step 0 on. */
  readonly sizes: BySteps;
  /** Of mean |x - x at step 0| after each step, from step 1 on. */
  readonly changes: BySteps;
}

// Tokens recur in the batch, as they do in a real one. What other tokens do to one is a random overlap, which shrinks with the width.
const [B, T] = [2, 8];
const SHAPE = { layers: 2, context: T, vocabulary: 8, ...GPT2_KINDS };
const OPTIONS = {
  ...{ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clip: 0 },
  scaler: null,
};

/** Means over a batch that stays the same, as in Microsoft's package `mup`, for one model. */
function coordinates(
  { mupBase, tied, heads, learningRate, steps }: CoordinateRun,
  width: number,
  seed: number,
): { sizes: Map<string, number[]>; changes: Map<string, number[]> } {
  const config: GptConfig = { ...SHAPE, tied, width, heads: heads(width), intermediate: width, mupBase };
  const model = { config, recipe: described('fp32'), exact: true };
  const parameters = new Map(
    parameterSpecs(config).map((spec) => [spec.name, Float64Array.from(initialValues(spec, seed))]),
  );
  const state = trainState(model, parameters);
  const draw = (stream: number) =>
    Array.from({ length: B * T }, (_, i) => integerAt(i, 100 * seed + stream, SHAPE.vocabulary));
  const batch: Batch = { tokens: draw(1), targets: draw(2), B, T };
  const forward = () => {
    const activations = modelForward(model, state.parameters, batch);
    return MEASURED_NAMES.map((name) => MEASURED[name]!(activations));
  };
  const first = forward();
  const sizes = new Map(MEASURED_NAMES.map((name, i) => [name, [mean(first[i]!, () => 0)]]));
  const changes = new Map(MEASURED_NAMES.map((name) => [name, [] as number[]]));
  for (let step = 0; step < steps; step++) {
    trainStep(model, state, [batch], { ...OPTIONS, learningRate });
    for (const [i, values] of forward().entries()) {
      const name = MEASURED_NAMES[i]!;
      sizes.get(name)!.push(mean(values, () => 0));
      changes.get(name)!.push(mean(values, (at) => first[i]![at]!));
    }
  }
  return { sizes, changes };
}

function mean(values: Float64Array, from: (at: number) => number): number {
  return values.reduce((sum, x, at) => sum + Math.abs(x - from(at)), 0) / values.length;
}

/** Slopes of the logarithm of the means, averaged over seeds, against that of the width, by least squares. */
export function coordinateSlopes(run: CoordinateRun): Slopes {
  const { widths, seeds } = run;
  const measured = widths.map((width) =>
    Array.from({ length: seeds }, (_, seed) => coordinates(run, width, seed + 1)),
  );
  const x = widths.map(Math.log2);
  const center = x.reduce((a, b) => a + b) / x.length;
  const squares = x.reduce((sum, at) => sum + (at - center) ** 2, 0);
  const slopesOf = (what: 'sizes' | 'changes'): BySteps => {
    const slope = (name: string, step: number) => {
      const means = measured.map(
        (bySeed) => bySeed.reduce((sum, one) => sum + one[what].get(name)![step]!, 0) / seeds,
      );
      return x.reduce((sum, at, i) => sum + (at - center) * Math.log2(means[i]!), 0) / squares;
    };
    const steps = measured[0]![0]![what].get(MEASURED_NAMES[0]!)!.length;
    return new Map(
      MEASURED_NAMES.map((name) => [name, Array.from({ length: steps }, (_, step) => slope(name, step))]),
    );
  };
  return { sizes: slopesOf('sizes'), changes: slopesOf('changes') };
}

export function inWords(slopes: BySteps): string {
  return [...slopes]
    .map(([name, values]) => `${name} ${values.map((value) => value.toFixed(3)).join(' ')}`)
    .join('; ');
}
