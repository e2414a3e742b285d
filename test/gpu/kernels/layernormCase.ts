/** Norms of each kind forward, backward and its parameters' gradients against the f64 oracle. */
import { NORM_KINDS, NORMS, type NormKind } from '../../../src/engine/config/gptConfig.ts';
import type { Operation, Target } from '../../../src/engine/gpu/operation.ts';
import { formatOf, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import {
  layernormBackward,
  layernormBackwardParameters,
  layernormForward,
  layernormRecompute,
  rowBlocks,
} from '../../../src/engine/kernels/rows.ts';
import { roundsResidualGradient } from '../../../src/engine/precision/recipe.ts';
import type { Recipe } from '../../../src/engine/precision/recipes.ts';
import {
  layernormBackward as layernormBackwardOracle,
  layernormForward as layernormForwardOracle,
  rmsnormBackward,
  rmsnormForward,
} from '../../../src/engine/reference/ops.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { Approx, approx, gamma, sum } from './approx.ts';
import { type Comparison, compareExact, compareReplayed, compareStored } from './bounds.ts';
import { normal } from './inputs.ts';
import { rolesOf } from './modes.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

export interface RowShape {
  readonly rows: number;
  readonly width: number;
  /** Added to every input: a mean far above the spread costs digits. */
  readonly offset?: number;
  /** 1e-5 if absent. */
  readonly epsilon?: number;
}

/** Widths of less than one vector a lane, of one and a bit, and beyond 64 lanes of vectors. */
export const ROW_SHAPES: readonly RowShape[] = [
  { rows: 1, width: 4 },
  { rows: 37, width: 20, epsilon: 0.5 },
  { rows: 5, width: 132, offset: 10 },
  { rows: 3, width: 260 },
];

type Plan = { readonly operations: readonly Operation[]; compare(): Comparison[] };

interface Oracle {
  /** RMSNorm has a mean of 0 and no bias. */
  forward: typeof layernormForwardOracle;
  backward: typeof layernormBackwardOracle;
}

const ORACLES: Readonly<Record<NormKind, Oracle>> = {
  layernorm: { forward: layernormForwardOracle, backward: layernormBackwardOracle },
  rmsnorm: {
    forward(inp, weight, _bias, rows, C, epsilon) {
      const { out, rms } = rmsnormForward(inp, weight, rows, C, epsilon);
      return { out, mean: new Float64Array(rows), rstd: rms };
    },
    backward(dout, inp, weight, _mean, rstd, rows, C) {
      return { ...rmsnormBackward(dout, inp, weight, rstd, rows, C), dbias: new Float64Array(C) };
    },
  },
};

/** (mean, rstd) of a row as the kernel forms them. */
function replayedStats(kind: NormKind, row: Float64Array, epsilon: number): { mean: Approx; rstd: Approx } {
  const mean = kind === 'rmsnorm' ? new Approx(0) : sum([...row].map((x) => approx(x))).div(row.length);
  const squares = [...row].map((x) => {
    const d = approx(x).sub(mean);
    return d.mul(d);
  });
  const variance = sum(squares).div(row.length).add(Approx.rounded(epsilon));
  return { mean, rstd: variance.inverseSqrt() };
}

function planForward(
  run: KernelRun,
  target: Target,
  recipe: Recipe,
  kind: NormKind,
  shape: RowShape,
  found: Tensor,
): Plan {
  const { rows, width, offset = 0, epsilon = 1e-5 } = shape;
  const roles = rolesOf(recipe);
  const { conditions, bias: hasBias } = NORMS[kind];
  const inp = run.input(
    'inp',
    roles.residual,
    normal(rows * width, 1).map((x) => x + offset),
  );
  const weight = run.input('weight', roles.master, normal(width, 2));
  const bias = hasBias ? run.input('bias', roles.master, normal(width, 3)) : undefined;
  const out = run.output('out', roles.activation, rows * width);
  const stats = run.output('stats', 'f32', rows * 2);
  const again = run.output('again', roles.activation, rows * width);
  const label = `${NORMS[kind].title} ${rows}x${width}`;
  const compare = (): Comparison[] => {
    const [x, w, b] = [
      run.values(inp),
      run.values(weight),
      bias ? run.values(bias) : new Float64Array(width),
    ];
    const oracle = ORACLES[kind].forward(x, w, b, rows, width, epsilon);
    const replayed: Approx[] = [];
    const replayedRows: Approx[] = [];
    for (let row = 0; row < rows; row++) {
      const values = x.subarray(row * width, (row + 1) * width);
      const { mean, rstd } = replayedStats(kind, values, epsilon);
      replayedRows.push(mean, rstd);
      values.forEach((value, c) => {
        replayed.push(approx(value).sub(mean).mul(rstd).mul(w[c]!).add(b[c]!));
      });
    }
    const expectedStats = Float64Array.from({ length: rows * 2 }, (_, i) =>
      i % 2 === 0 ? oracle.mean[i >> 1]! : oracle.rstd[i >> 1]!,
    );
    return [
      compareReplayed('forward', formatOf(out), run.read(out), oracle.out, replayed),
      compareReplayed('mean and rstd', 'f32', run.read(stats), expectedStats, replayedRows),
      compareExact('recomputed', run.read(again), run.read(out)),
    ];
  };
  const operations = [
    layernormForward(target, {
      ...{ label, inp, weight, bias, conditions, epsilon, out, stats, found, rows, width },
    }),
    layernormRecompute(target, { label, inp, weight, bias, out: again, stats, rows, width }),
  ];
  return { operations, compare };
}

function planBackward(
  run: KernelRun,
  target: Target,
  recipe: Recipe,
  kind: NormKind,
  { rows, width, offset = 0, epsilon = 1e-5 }: RowShape,
  accumulate: boolean,
  found: Tensor,
): Plan {
  const roles = rolesOf(recipe);
  const { conditions, bias: hasBias } = NORMS[kind];
  const inp = run.input(
    'inp',
    roles.residual,
    normal(rows * width, 1).map((x) => x + offset),
  );
  const dout = run.input('dout', 'f32', normal(rows * width, 2));
  const weight = run.input('weight', roles.master, normal(width, 3));
  const [x0, zeros] = [run.values(inp), new Float64Array(width)];
  const known = ORACLES[kind].forward(x0, zeros, zeros, rows, width, epsilon);
  const interleaved = Float64Array.from({ length: rows * 2 }, (_, i) =>
    i % 2 === 0 ? known.mean[i >> 1]! : known.rstd[i >> 1]!,
  );
  const stats = run.input('stats', 'f32', interleaved);
  const dinp = run.input('dinp', roles.residualGradient, normal(rows * width, 4));
  const rounded = roundsResidualGradient(recipe, { block: 0, blocks: 1 })
    ? run.output('rounded', roles.outputGradient, rows * width)
    : undefined;
  const partials = run.output('partials', 'f32', (hasBias ? 2 : 1) * rowBlocks(rows) * width);
  const dweight = run.input('dweight', roles.gradient, normal(width, 5));
  const dbias = hasBias ? run.input('dbias', roles.gradient, normal(width, 6)) : undefined;
  const label = `${NORMS[kind].title} ${rows}x${width}`;
  const operations = [
    layernormBackward(target, {
      ...{ label, inp, dout, weight, conditions, stats, dinp, rounded, accumulate, rows, width, found },
    }),
    ...layernormBackwardParameters(target, {
      ...{ label, inp, dout, stats, partials, dweight, dbias, rows, width, found },
    }),
  ];
  const compare = (): Comparison[] => {
    const [x, d, w, s] = [run.values(inp), run.values(dout), run.values(weight), run.values(stats)];
    const mean = s.filter((_, i) => i % 2 === 0);
    const rstd = s.filter((_, i) => i % 2 === 1);
    const oracle = ORACLES[kind].backward(d, x, w, mean, rstd, rows, width);
    const before = run.values(dinp);
    const replayed: Approx[] = [];
    const weightTerms: Approx[][] = Array.from({ length: width }, () => []);
    for (let row = 0; row < rows; row++) {
      const normalised = Array.from({ length: width }, (_, c) =>
        approx(x[row * width + c]!)
          .sub(mean[row]!)
          .mul(rstd[row]!),
      );
      const scaled = normalised.map((_, c) => approx(d[row * width + c]!).mul(w[c]!));
      const meanD = kind === 'rmsnorm' ? new Approx(0) : sum(scaled).div(width);
      const meanDx = sum(scaled.map((v, c) => v.mul(normalised[c]!))).div(width);
      normalised.forEach((n, c) => {
        const value = scaled[c]!.sub(meanD).sub(n.mul(meanDx)).mul(rstd[row]!);
        replayed.push(accumulate ? value.add(before[row * width + c]!) : value);
        weightTerms[c]!.push(n.mul(d[row * width + c]!));
      });
    }
    const expected = oracle.dinp.map((value, i) => value + (accumulate ? before[i]! : 0));
    const stored = run.read(dinp);
    const oldWeight = run.values(dweight);
    // The sums begin at what was there and pass through one partial sum a block.
    const extra = rowBlocks(rows) + 1;
    const comparisons = [
      compareReplayed('backward', formatOf(dinp), stored, expected, replayed),
      compareReplayed(
        'dweight',
        formatOf(dweight),
        run.read(dweight),
        oracle.dweight.map((value, c) => value + oldWeight[c]!),
        weightTerms.map((terms, c) => sum([...terms, approx(oldWeight[c]!)], extra)),
      ),
    ];
    if (dbias) {
      const oldBias = run.values(dbias);
      comparisons.push(
        compareStored(
          'dbias',
          formatOf(dbias),
          run.read(dbias),
          oracle.dbias.map((value, c) => value + oldBias[c]!),
          (c) => {
            let magnitudes = Math.abs(oldBias[c]!);
            for (let row = 0; row < rows; row++) magnitudes += Math.abs(d[row * width + c]!);
            return gamma(rows + extra) * magnitudes;
          },
        ),
      );
    }
    if (rounded) {
      const format = formatOf(rounded);
      comparisons.push(
        compareExact(
          'rounded copy',
          run.read(rounded),
          stored.map((value) => roundTo(format, value)),
        ),
      );
    }
    return comparisons;
  };
  return { operations, compare };
}

export async function checkLayernorm(
  fixture: KernelFixture,
  target: Target,
  recipe: Recipe,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const plans = NORM_KINDS.flatMap((kind) =>
    ROW_SHAPES.flatMap((shape) => [
      planForward(run, target, recipe, kind, shape, found),
      ...[true, false].map((accumulate) => planBackward(run, target, recipe, kind, shape, accumulate, found)),
    ]),
  );
  await run.run(plans.flatMap(({ operations }) => operations));
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  return plans.flatMap((plan) => plan.compare());
}
