/** Lion against the f64 oracle. */
import { randomBits } from '../../../src/engine/core/rng.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { formatOf } from '../../../src/engine/gpu/tensor.ts';
import { lion } from '../../../src/engine/kernels/optimizers/lion.ts';
import { describeRecipe } from '../../../src/engine/precision/description.ts';
import { momentsOf, type OptimState } from '../../../src/engine/precision/optimStates.ts';
import { copyFormat } from '../../../src/engine/precision/recipe.ts';
import type { Recipe } from '../../../src/engine/precision/recipes.ts';
import { lion as lionOracle } from '../../../src/engine/reference/lion.ts';
import { roundStochastically, stepSeed } from '../../../src/engine/reference/moments.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { Approx, approx } from './approx.ts';
import { type Comparison, compareExact, compareReplayed, type Rounding } from './bounds.ts';
import { normal } from './inputs.ts';
import { adamwState, MASTER_SEED, MASTER_STEP, masterOf, RATE_FACTOR } from './optimizerCase.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

const OPTIONS = { beta1: 0.9, beta2: 0.99, weightDecay: 0.3 } as const;
const ELEMENTS = 300; // no multiple of a workgroup's 64 vectors
const DECAYED = 120;
const RATE = 3e-4;
const FACTOR = 2 ** -10 * 0.7;

/** Every tenth gradient is zero, every fifth momentum: of both together no sign is left. */
const gradients = () => normal(ELEMENTS, 1, 2 ** 10).map((x, i) => (i % 10 === 0 ? 0 : x));
const momenta = () => normal(ELEMENTS, 3, 0.1).map((x, i) => (i % 5 === 0 ? 0 : x));

/** One step from a given momentum; the compute copy is the stored master rounded once more. */
export async function checkLion(
  fixture: KernelFixture,
  target: Target,
  recipe: Recipe,
  optimState: OptimState,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const { roles, masterRounding } = describeRecipe(recipe);
  const copy = copyFormat(recipe);
  const moments = momentsOf(recipe, optimState);
  const { master, low, values, round, stored } = masterOf(run, recipe, normal(ELEMENTS, 2, 0.1));
  const gradient = run.input('gradient', roles.gradient, gradients());
  const m = run.input('m', moments.firstMoment, momenta());
  const compute = copy ? run.output('compute', copy, ELEMENTS) : undefined;
  const words = { applied: MASTER_STEP, gradFactor: FACTOR, learningRate: RATE / RATE_FACTOR };
  const state = run.bytes(
    'state',
    adamwState({ ...words, apply: true, biasCorrection1: 7, biasCorrection2: 7 }),
  );
  await run.run([
    lion(target, {
      ...{ gradient, master, m, compute, low, state, moments, masterRounding, ...OPTIONS },
      rateFactor: RATE_FACTOR,
      ...{ first: 0, elements: ELEMENTS, decayedElements: DECAYED, seed: MASTER_SEED, label: 'lion' },
    }),
  ]);

  const [g, before] = [run.values(gradient), run.values(m)];
  const expected = { w: values.slice(), m: before.slice() };
  for (const [from, to, weightDecay] of [
    [0, DECAYED, OPTIONS.weightDecay],
    [DECAYED, ELEMENTS, 0],
  ] as const) {
    const part = (numbers: Float64Array) => numbers.subarray(from, to);
    lionOracle(part(expected.w), part(g), part(expected.m), new Float64Array(0), {
      ...{ ...OPTIONS, weightDecay, epsilon: 0, step: MASTER_STEP },
      ...{ learningRate: RATE, gradFactor: FACTOR },
    });
  }
  const constant = Approx.rounded;
  const replayed = { w: [] as Approx[], m: [] as Approx[] };
  let signs = 0;
  for (let i = 0; i < ELEMENTS; i++) {
    const scaled = approx(g[i]!).mul(constant(FACTOR));
    const mixed = (beta: number) =>
      constant(beta)
        .mul(before[i]!)
        .add(constant(1 - beta).mul(scaled));
    const { value, error } = mixed(OPTIONS.beta1);
    if (value !== 0 && Math.abs(value) <= error) throw new Error(`The sign of element ${i} is not certain`);
    signs += Math.abs(Math.sign(value));
    const decay = constant(i < DECAYED ? OPTIONS.weightDecay : 0).mul(constant(RATE));
    const old = approx(values[i]!);
    replayed.w.push(old.sub(decay.mul(old)).sub(constant(RATE).mul(Math.sign(value))));
    replayed.m.push(mixed(OPTIONS.beta2));
  }
  if (signs !== (ELEMENTS * 9) / 10) throw new Error(`${ELEMENTS - signs} elements have no sign`);
  const seed = stepSeed({ seed: MASTER_SEED, first: 0 }, MASTER_STEP, 'moments');
  const stochastic: Rounding = (x, i) => roundStochastically(x, randomBits(i, seed));
  const roundM = moments.rounding === 'stochastic' ? stochastic : moments.firstMoment;
  const weights = stored();
  return [
    compareReplayed('weight', round, weights, expected.w, replayed.w),
    compareReplayed('m', roundM, run.read(m), expected.m, replayed.m),
    ...(compute
      ? [
          compareExact(
            'compute weight',
            run.read(compute),
            weights.map((value) => roundTo(formatOf(compute), value)),
          ),
        ]
      : []),
  ];
}
