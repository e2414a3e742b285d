/** Muon against the f64 oracle. */
import { randomBits, uniformAt } from '../../../src/engine/core/rng.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { formatOf, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import { MODEL_KERNELS } from '../../../src/engine/kernels/modelKernels.ts';
import { type MuonScratch, matricesOf, muon } from '../../../src/engine/kernels/optimizers/muon.ts';
import type { MuonCoefficients, MuonScale } from '../../../src/engine/kernels/optimizers/muonChoices.ts';
import { describeRecipe } from '../../../src/engine/precision/description.ts';
import { momentsOf, type OptimState } from '../../../src/engine/precision/optimStates.ts';
import { copyFormat } from '../../../src/engine/precision/recipe.ts';
import type { Recipe } from '../../../src/engine/precision/recipes.ts';
import { matmul, matmulTransposedA, matmulTransposedB } from '../../../src/engine/reference/matmul.ts';
import { roundStochastically, stepSeed } from '../../../src/engine/reference/moments.ts';
import { muonOf, orthogonalized, POLYNOMIALS } from '../../../src/engine/reference/muon.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { Approx, approx, gamma } from './approx.ts';
import { type Comparison, compareExact, compareReplayed, compareStored, type Rounding } from './bounds.ts';
import { normal } from './inputs.ts';
import { adamwState, MASTER_SEED, MASTER_STEP, masterOf, RATE_FACTOR } from './optimizerCase.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

/** A parameter of matrices that lie side by side. */
export interface MuonShape {
  readonly rows: number;
  readonly sideBySide: readonly number[];
}

/** Square, and taller than wide: q beside the narrower k and v of grouped-query heads. */
export const GROUPED: MuonShape = { rows: 24, sideBySide: [24, 8, 8] };
/** Gate and up. */
export const GATED: MuonShape = { rows: 16, sideBySide: [44, 44] };

const MU = 0.95;
const DECAY = 0.3;
const RATE = 2e-2;
const FACTOR = 2 ** -10 * 0.7;

export interface MuonCase {
  readonly shape: MuonShape;
  readonly coefficients: MuonCoefficients;
  readonly scale: MuonScale;
  readonly optimState: OptimState;
}

export function scratchFor(run: KernelRun, { rows, sideBySide }: MuonShape): MuonScratch {
  const columns = Math.max(...sideBySide);
  const gram = Math.max(...sideBySide.map((each) => Math.min(rows, each) ** 2));
  return {
    update: run.output('update', 'f32', rows * columns),
    next: run.output('next', 'f32', rows * columns),
    gram: run.output('gram', 'f32', gram),
    polynomial: run.output('polynomial', 'f32', gram),
    partials: run.output('partials', 'f32', 64),
  };
}

export function columnsOf({ sideBySide }: MuonShape): number {
  return sideBySide.reduce((sum, columns) => sum + columns, 0);
}

/** One step from a given momentum; the compute copy is the stored master rounded once more. */
export async function checkMuon(
  fixture: KernelFixture,
  target: Target,
  recipe: Recipe,
  { shape, coefficients, scale, optimState }: MuonCase,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const { roles, masterRounding } = describeRecipe(recipe);
  const { rows, sideBySide } = shape;
  const columns = columnsOf(shape);
  const elements = rows * columns;
  const copy = copyFormat(recipe);
  const moments = momentsOf(recipe, optimState);
  const { master, low, values, round, stored } = masterOf(run, recipe, normal(elements, 2, 0.1));
  const gradient = run.input('gradient', roles.gradient, normal(elements, 1, 2 ** 10));
  const m = run.input('m', moments.firstMoment, normal(elements, 3, 0.3));
  const compute = copy ? run.output('compute', copy, elements) : undefined;
  const words = { applied: MASTER_STEP, gradFactor: FACTOR, learningRate: RATE / RATE_FACTOR };
  const state = run.bytes(
    'state',
    adamwState({ ...words, apply: true, biasCorrection1: 7, biasCorrection2: 7 }),
  );
  const found = run.found();
  const scratch = scratchFor(run, shape);
  const settings = {
    muonMomentum: MU,
    muonCoefficients: coefficients,
    muonScale: scale,
    rateFactor: RATE_FACTOR,
  };
  const args = { gradient, master, m, compute, low, first: 0, seed: MASTER_SEED, scratch, label: 'muon' };
  await run.run(
    matricesOf({ rows, columns, sideBySide }).flatMap((place) =>
      muon(
        target,
        { ...args, place },
        { ...settings, weightDecay: DECAY, moments, masterRounding, state, found },
        MODEL_KERNELS,
      ),
    ),
  );
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);

  const [g, before] = [run.values(gradient), run.values(m)];
  const expected = { w: values.slice(), m: before.slice() };
  muonOf(shape, { ...settings, rateFactor: 1 })(expected.w, g, expected.m, new Float64Array(0), {
    ...{ learningRate: RATE, weightDecay: DECAY, gradFactor: FACTOR, step: MASTER_STEP },
    ...{ beta1: 0, beta2: 0, epsilon: 0 },
  });
  const constant = Approx.rounded;
  const replayed = Array.from(before, (old, i) =>
    constant(MU)
      .mul(old)
      .add(constant(1 - MU).mul(approx(g[i]!).mul(constant(FACTOR)))),
  );
  const length = (columns: number) =>
    scale === 'rms' ? 0.2 * Math.sqrt(Math.max(rows, columns)) : Math.sqrt(Math.max(1, columns / rows));
  const bounds = matricesOf({ rows, columns, sideBySide }).flatMap(({ columns: own, firstColumn }) => {
    const update = Float64Array.from({ length: rows * own }, (_, i) => {
      const at = Math.floor(i / own) * columns + firstColumn + (i % own);
      const scaled = g[at]! * FACTOR;
      return (1 - MU) * scaled + MU * (MU * before[at]! + (1 - MU) * scaled);
    });
    const error = directionError(update, rows, own, POLYNOMIALS[coefficients]);
    return new Array<number>(own).fill(RATE * length(own) * error);
  });
  const seed = stepSeed({ seed: MASTER_SEED, first: 0 }, MASTER_STEP, 'moments');
  const stochastic: Rounding = (x, i) => roundStochastically(x, randomBits(i, seed));
  const weights = stored();
  return [
    // The decay and the difference are rounded four times, of numbers below twice the old weight and the step.
    compareStored('weight', round, weights, expected.w, (i) => {
      const step = Math.abs(expected.w[i]! - values[i]!);
      return bounds[i % columns]! + gamma(4) * 2 * (Math.abs(values[i]!) + step);
    }),
    compareReplayed(
      'm',
      moments.rounding === 'stochastic' ? stochastic : moments.firstMoment,
      run.read(m),
      expected.m,
      replayed,
    ),
    ...(compute ? [copied(run, compute, weights)] : []),
  ];
}

function copied(run: KernelRun, compute: Tensor, weights: Float64Array): Comparison {
  const rounded = weights.map((value) => roundTo(formatOf(compute), value));
  return compareExact('compute weight', run.read(compute), rounded);
}

type Polynomials = (typeof POLYNOMIALS)['keller-jordan'];

/** Runs with errors in random directions, and how many times the largest of their deviations the kernels may be off. */
const RUNS = 6;
const MARGIN = 4;

/**
 * Bound on the error of an entry of an orthogonalised matrix, in f32. The steps multiply errors by up to 3.4^5 or more in some
 * directions and by less in most, so that a bound from norms alone would be larger than the entries. Instead the steps run in f64
 * with every product off by as much as an f32 sum of so many terms may be, in random directions.
 */
function directionError(
  update: Float64Array,
  rows: number,
  columns: number,
  polynomials: Polynomials,
): number {
  const exact = orthogonalized(update, rows, columns, polynomials);
  let largest = 0;
  for (let run = 0; run < RUNS; run++) {
    const off = perturbed(update, rows, columns, polynomials, 100 + run);
    for (const [i, x] of off.entries()) largest = Math.max(largest, Math.abs(x - exact[i]!));
  }
  return MARGIN * largest;
}

/** As the kernels compute: the smaller Gram matrix, and no transposed copy. */
function perturbed(
  update: Float64Array,
  rows: number,
  columns: number,
  { steps, margin }: Polynomials,
  seed: number,
): Float64Array {
  let draws = 0;
  const off = (sizes: Float64Array, terms: number) => (value: number, i: number) =>
    value + (2 * uniformAt(draws++, seed) - 1) * gamma(terms + 2) * sizes[i]!;
  const norm = Math.sqrt(update.reduce((sum, x) => sum + x * x, 0));
  const start = update.map((x) => x / (margin * norm + 1e-7));
  let x = start.map(off(start.map(Math.abs), 16));
  const isWide = rows <= columns;
  const [short, long] = isWide ? [rows, columns] : [columns, rows];
  for (const [a, b, c] of steps) {
    const multiplied = (f: (of: (m: Float64Array) => Float64Array) => Float64Array, terms: number) =>
      f((m) => m).map(
        off(
          f((m) => m.map(Math.abs)),
          terms,
        ),
      );
    const gram = multiplied(
      (of) => (isWide ? matmulTransposedB : matmulTransposedA)(of(x), of(x), short, short, long),
      long,
    );
    const square = multiplied((of) => matmul(of(gram), of(gram), short, short, short), short);
    const mixed = gram.map((value, i) => b * value + c * square[i]!);
    const polynomial = mixed.map(
      off(
        gram.map((value, i) => Math.abs(b * value) + Math.abs(c * square[i]!)),
        1,
      ),
    );
    const step = multiplied(
      (of) =>
        isWide
          ? matmul(of(polynomial), of(x), short, long, short)
          : matmul(of(x), of(polynomial), long, short, short),
      short,
    );
    const sizes = step.map((value, i) => Math.abs(a * x[i]!) + Math.abs(value));
    x = step.map((value, i) => a * x[i]! + value).map(off(sizes, 1));
  }
  return x;
}
