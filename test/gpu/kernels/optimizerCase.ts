/** AdamW and the gradient norm against the f64 oracle. */

import { randomBits } from '../../../src/engine/core/rng.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { formatOf } from '../../../src/engine/gpu/tensor.ts';
import { convertFormat, gradientNorm, normPartials } from '../../../src/engine/kernels/optimizer.ts';
import { adamw } from '../../../src/engine/kernels/optimizers/adamw.ts';
import { initialStepState, STEP_STATE_WORDS } from '../../../src/engine/kernels/stepState.ts';
import { describeRecipe } from '../../../src/engine/precision/description.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import { copyFormat } from '../../../src/engine/precision/recipe.ts';
import type { Recipe } from '../../../src/engine/precision/recipes.ts';
import { adamw as adamwOracle } from '../../../src/engine/reference/ops.ts';
import {
  decodeBits,
  encodeBf16Stochastic,
  f32Bits,
  fromF32Bits,
  joinBits,
  roundTo,
  splitBits,
} from '../../../src/engine/reference/rounding.ts';
import { Approx, approx, gamma } from './approx.ts';
import { type Comparison, compareExact, compareReplayed, compareStored } from './bounds.ts';
import { normal } from './inputs.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

/** The words of StepState that AdamW reads; shaders/lib/step_state.wgsl. */
export interface AdamwState {
  readonly apply: boolean;
  readonly applied?: number;
  readonly gradFactor: number;
  readonly learningRate: number;
  readonly biasCorrection1: number;
  readonly biasCorrection2: number;
}

export function adamwState(state: AdamwState): ArrayBuffer {
  const bytes = new ArrayBuffer(STEP_STATE_WORDS * 4);
  const integers = new Uint32Array(bytes);
  integers[3] = state.apply ? 1 : 0;
  integers[4] = state.applied ?? 1;
  const words = new Float32Array(bytes);
  words[10] = state.gradFactor;
  words[11] = state.learningRate;
  words[12] = state.biasCorrection1;
  words[13] = state.biasCorrection2;
  return bytes;
}

const OPTIONS = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 } as const;
const ELEMENTS = 300; // no multiple of a workgroup's 64 vectors
const DECAYED = 120;
/** Of the applied step that {@link masterOf} rounds for, and its seed. */
export const MASTER_STEP = 3;

/** Learning rate of the group over that of the step state, a power of two: their product is exact. */
export const RATE_FACTOR = 0.25;
export const MASTER_SEED = 0x1234567;

/** Master weights as the recipe keeps them; `values` as the kernel reads them, `round` as it writes them. */
export function masterOf(run: KernelRun, recipe: Recipe, given: Float64Array) {
  const { roles, masterRounding } = describeRecipe(recipe);
  const stepSeed = randomBits(MASTER_STEP, MASTER_SEED);
  const stochastic = (x: number, i: number): number =>
    decodeBits('bf16', encodeBf16Stochastic(f32Bits(x), randomBits(i, stepSeed)));
  if (masterRounding !== 'split') {
    const master = run.input('master', roles.master, given);
    const round = masterRounding === 'stochastic' ? stochastic : roles.master;
    return { master, low: undefined, values: run.values(master), round, stored: () => run.read(master) };
  }
  const halves = Array.from(given, (x) => splitBits(f32Bits(x)));
  const master = run.codes(
    'master',
    'bf16',
    halves.map(({ high }) => high),
  );
  const words = new Uint16Array(halves.map(({ low }) => low));
  const low = run.codes('low', 'u32', new Uint32Array(words.buffer));
  const stored = (): Float64Array => {
    const lows = new Uint16Array(run.bytesOf(low));
    return Float64Array.from(run.codesOf(master), (high, i) =>
      fromF32Bits(joinBits({ high, low: lows[i]! })),
    );
  };
  return { master, low, values: Float64Array.from(given, Math.fround), round: 'f32' as const, stored };
}

/** One step from given moments; the compute copy is the stored master rounded once more. */
export async function checkAdamw(
  fixture: KernelFixture,
  target: Target,
  recipe: Recipe,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const { roles, masterRounding } = describeRecipe(recipe);
  const copy = copyFormat(recipe);
  const gradFactor = 2 ** -10 * 0.7;
  const learningRate = 1e-3;
  const {
    master,
    low,
    values,
    round,
    stored: storedMaster,
  } = masterOf(run, recipe, normal(ELEMENTS, 2, 0.1));
  const tensors = {
    ...{ master, low },
    gradient: run.input('gradient', roles.gradient, normal(ELEMENTS, 1, 2 ** 10)),
    m: run.input('m', roles.firstMoment, normal(ELEMENTS, 3, 0.1)),
    v: run.input(
      'v',
      roles.secondMoment,
      normal(ELEMENTS, 4, 0.1).map((x) => x * x),
    ),
    compute: copy ? run.output('compute', copy, ELEMENTS) : undefined,
  };
  const corrections = [
    1 / (1 - OPTIONS.beta1 ** MASTER_STEP),
    1 / Math.sqrt(1 - OPTIONS.beta2 ** MASTER_STEP),
  ] as const;
  const [biasCorrection1, biasCorrection2] = corrections;
  const state = run.bytes(
    'state',
    adamwState({
      ...{ apply: true, applied: MASTER_STEP, gradFactor },
      ...{ learningRate: learningRate / RATE_FACTOR, biasCorrection1, biasCorrection2 },
    }),
  );
  await run.run([
    adamw(target, {
      ...tensors,
      ...OPTIONS,
      rateFactor: RATE_FACTOR,
      state,
      elements: ELEMENTS,
      decayedElements: DECAYED,
      masterRounding,
      moments: { rounding: 'nearest', scale: 'none' },
      first: 0,
      seed: MASTER_SEED,
      label: 'adamw',
    }),
  ]);

  const [g, m, v] = [tensors.gradient, tensors.m, tensors.v].map((t) => run.values(t));
  const expected = { w: values.slice(), m: m!.slice(), v: v!.slice() };
  for (const [from, to, weightDecay] of [
    [0, DECAYED, OPTIONS.weightDecay],
    [DECAYED, ELEMENTS, 0],
  ] as const) {
    const part = (values: Float64Array) => values.subarray(from, to);
    adamwOracle(part(expected.w), part(g!), part(expected.m), part(expected.v), {
      ...OPTIONS,
      ...{ learningRate, weightDecay, step: MASTER_STEP, gradFactor },
    });
  }
  const constant = Approx.rounded;
  const replayed = { w: [] as Approx[], m: [] as Approx[], v: [] as Approx[] };
  for (let i = 0; i < ELEMENTS; i++) {
    const gradient = approx(g![i]!).mul(constant(gradFactor));
    const newM = constant(OPTIONS.beta1)
      .mul(m![i]!)
      .add(constant(1 - OPTIONS.beta1).mul(gradient));
    const newV = constant(OPTIONS.beta2)
      .mul(v![i]!)
      .add(
        constant(1 - OPTIONS.beta2)
          .mul(gradient)
          .mul(gradient),
      );
    const denominator = newV.sqrt().mul(constant(biasCorrection2)).add(constant(OPTIONS.epsilon));
    const direction = newM.mul(constant(biasCorrection1)).div(denominator);
    const decay = constant(i < DECAYED ? OPTIONS.weightDecay : 0).mul(constant(learningRate));
    const old = approx(values[i]!);
    replayed.w.push(old.sub(decay.mul(old)).sub(constant(learningRate).mul(direction)));
    replayed.m.push(newM);
    replayed.v.push(newV);
  }
  const stored = storedMaster();
  const comparisons = [
    compareReplayed('weight', round, stored, expected.w, replayed.w),
    compareReplayed('m', formatOf(tensors.m), run.read(tensors.m), expected.m, replayed.m),
    compareReplayed('v', formatOf(tensors.v), run.read(tensors.v), expected.v, replayed.v),
  ];
  if (tensors.compute) {
    const format = formatOf(tensors.compute);
    const rounded = stored.map((value) => roundTo(format, value));
    comparisons.push(compareExact('compute weight', run.read(tensors.compute), rounded));
  }
  return comparisons;
}

/** Sum of squares of the unscaled gradient, over sizes below and beyond one round of the grid. */
export async function checkGradientNorm(
  fixture: KernelFixture,
  target: Target,
  format: FormatId,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const scale = 2 ** 8;
  const state = run.bytes('state', initialStepState(scale));
  const sizes = [4, 300, 4 * 64 * 256 + 12];
  // One more workgroup than the least.
  if (target.splitSums) sizes.push(4 * 64 * 16 * 256 + 4);
  const plans = sizes.map((elements) => ({
    ...{ elements, groups: normPartials(elements, target) },
    gradient: run.input('gradient', format, normal(elements, 1, scale / 4)),
    partials: run.output('partials', 'f32', normPartials(elements, target)),
  }));
  await run.run(plans.map((plan) => gradientNorm(target, { ...plan, state, found, first: 0 })));
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  return plans.map(({ elements, groups, gradient, partials }) => {
    const lanes = Math.ceil(elements / 4);
    const expected = new Float64Array(groups);
    const terms = new Float64Array(groups);
    for (const [i, g] of run.values(gradient).entries()) {
      const group = Math.floor(Math.floor(i / 4) / 64) % groups;
      expected[group]! += (g / scale) ** 2;
      terms[group]! += 1;
    }
    const comparison = compareStored(
      'sum of squares',
      'f32',
      run.read(partials),
      expected,
      (i) =>
        // Unscaling is exact; each square, and the additions.
        gamma(terms[i]!) * expected[i]!,
    );
    return { ...comparison, of: `${lanes} vectors` };
  });
}

/** The same values in another format: the oracle's rounding, exactly. */
export async function checkConvert(
  fixture: KernelFixture,
  target: Target,
  from: FormatId,
  to: FormatId,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const inp = run.input('inp', from, normal(300, 1));
  const out = run.output('out', to, 300);
  await run.run([convertFormat(target, { inp, out, elements: 300, label: 'convert' })]);
  return [
    compareExact(
      'converted',
      run.read(out),
      run.values(inp).map((x) => roundTo(to, x)),
    ),
  ];
}
