/** The matmuls of the model, each with the epilogue and the roles it has there, against the f64 oracle. */

import { MLP_KINDS, MLPS, type MlpKind } from '../../../src/engine/config/gptConfig.ts';
import { streamOf } from '../../../src/engine/core/rng.ts';
import type { Dispatch, MatmulKernel, Target } from '../../../src/engine/gpu/operation.ts';
import { formatOf, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import { activationForward } from '../../../src/engine/kernels/activation.ts';
import { windowWords } from '../../../src/engine/kernels/attentionOptions.ts';
import type { RowDropout } from '../../../src/engine/kernels/dropout.ts';
import { type MatmulArgs, matmul } from '../../../src/engine/kernels/matmul.ts';
import { partialElements, weightGradient } from '../../../src/engine/kernels/weightGradient.ts';
import type { DescribedRole as Role } from '../../../src/engine/precision/description.ts';
import type { Recipe } from '../../../src/engine/precision/recipes.ts';
import { dropped } from '../../../src/engine/reference/dropout.ts';
import {
  matmul as matmulOracle,
  matmulTransposedA,
  matmulTransposedB,
} from '../../../src/engine/reference/ops.ts';
import { activationOf, softCapReplayed } from './activations.ts';
import { Approx, gamma } from './approx.ts';
import { type Comparison, compareExact, compareStored } from './bounds.ts';
import { normal } from './inputs.ts';
import { rolesOf } from './modes.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

type Slot = Role | 'f32';

export interface MatmulKind {
  readonly name: string;
  readonly layout: 'NN' | 'NT' | 'TN';
  readonly a: Slot;
  readonly b: Slot;
  readonly out: Slot;
  readonly fused: readonly (
    | 'bias'
    | 'dropout'
    | 'residual'
    | 'activation'
    | 'activationBackward'
    | 'accumulate'
    | 'softCap'
  )[];
  /** Of the activation function that is fused. */
  readonly mlp: MlpKind;
}

const kind = (
  name: string,
  layout: MatmulKind['layout'],
  [a, b, out]: readonly [Slot, Slot, Slot],
  ...fused: MatmulKind['fused']
): MatmulKind => ({ name, layout, a, b, out, fused, mlp: 'gelu' });

const ofEachMlp = (
  kinds: (title: string) => MatmulKind,
  which: readonly MlpKind[] = MLP_KINDS,
): MatmulKind[] => which.map((mlp) => ({ ...kinds(MLPS[mlp].title), mlp }));

/** The product of a gated MLP is a kernel of its own. */
const UNGATED = MLP_KINDS.filter((mlp) => !MLPS[mlp].gated);

/** As model/forward.ts, lmHead.ts and backward.ts build them. */
export const MATMUL_KINDS: readonly MatmulKind[] = [
  kind('c_attn', 'NN', ['activation', 'weight', 'attention'], 'bias'),
  kind('attn.c_proj', 'NN', ['attention', 'weight', 'residual'], 'bias', 'residual'),
  kind('mlp.c_proj', 'NN', ['activation', 'weight', 'residual'], 'bias', 'residual'),
  ...ofEachMlp(
    (title) => kind(`c_fc with ${title}`, 'NN', ['activation', 'weight', 'activation'], 'bias', 'activation'),
    UNGATED,
  ),
  kind('logits', 'NT', ['activation', 'weight', 'f32']),
  kind('logits with a cap', 'NT', ['activation', 'weight', 'f32'], 'softCap'),
  kind('ln_f gradient', 'NN', ['outputGradient', 'weight', 'f32']),
  kind('ln_f gradient, later slices', 'NN', ['outputGradient', 'weight', 'f32'], 'accumulate'),
  kind('head gradient', 'TN', ['outputGradient', 'activation', 'gradient'], 'accumulate'),
  kind('weight gradient', 'TN', ['activation', 'outputGradient', 'gradient'], 'accumulate'),
  ...ofEachMlp((title) =>
    kind(
      `c_fc gradient through ${title}`,
      'NT',
      ['outputGradient', 'weight', 'outputGradient'],
      'activationBackward',
    ),
  ),
  kind('ln gradient', 'NT', ['outputGradient', 'weight', 'f32']),
  kind('attention gradient', 'NT', ['outputGradient', 'weight', 'attention']),
];

/** Of runs that ask for it. All kernels have the same epilogue. */
export const WITH_DROPOUT = kind(
  'mlp.c_proj with dropout',
  'NN',
  ['activation', 'weight', 'residual'],
  'bias',
  'dropout',
  'residual',
);
/** Sums are below and beyond it. */
const CAP = 5;

/** One in each layout, with different epilogues. */
const FEW_KINDS = MATMUL_KINDS.filter(({ name }) =>
  ['attn.c_proj', 'c_fc gradient through GELU', 'weight gradient'].includes(name),
);

/** Few for kernels that are others with another tile: software adapters take two seconds to compile one. */
export function kindsFor(kernel: MatmulKernel): readonly MatmulKind[] {
  return kernel === 'tiled128' || kernel === 'register16-unshared' ? FEW_KINDS : MATMUL_KINDS;
}

export interface MatmulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Contents other than normal ones: op(a) row by row as (m, k) or (k, m), and b likewise. */
export interface MatmulContents {
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
}

export interface PlannedMatmul {
  readonly dispatches: readonly Dispatch[];
  readonly out: Tensor;
  /** What the backward pass does for an output of the activation function that was not kept. */
  readonly recomputed: Dispatch | undefined;
  /** After a run of all of them. */
  compare(): Comparison[];
}

export function planMatmul(
  run: KernelRun,
  target: Target,
  recipe: Recipe,
  kind: MatmulKind,
  { m, n, k }: MatmulShape,
  found: Tensor,
  contents?: MatmulContents,
): PlannedMatmul {
  const format = (slot: Slot) => (slot === 'f32' ? 'f32' : rolesOf(recipe)[slot]);
  const has = (part: MatmulKind['fused'][number]) => kind.fused.includes(part);
  const a = run.input('a', format(kind.a), contents?.a ?? normal(m * k, 1));
  const b = run.input('b', format(kind.b), contents?.b ?? normal(k * n, 2, 0.5));
  const bias = has('bias') ? run.input('bias', format('master'), normal(n, 3)) : undefined;
  const residual = has('residual') ? run.input('residual', format('residual'), normal(m * n, 4)) : undefined;
  const { mlp } = kind;
  const { function: activation, gated } = MLPS[mlp];
  // Gate, then up, of each row.
  const halves = has('activationBackward') && gated ? 2 : 1;
  const seen = has('activation') ? run.output('pre-activation', format('preActivation'), m * n) : undefined;
  const seenBackward = has('activationBackward')
    ? run.input('pre-activation', format('preActivation'), normal(halves * m * n, 5, 2))
    : undefined;
  const { dropout, factors } = has('dropout') ? planDropout(run, m, n) : {};
  const out = has('accumulate')
    ? run.input('out', format(kind.out), normal(m * n, 6))
    : run.output('out', format(kind.out), halves * m * n);
  const again = seen && run.output('again', format(kind.out), m * n);
  const args: MatmulArgs = {
    label: `${kind.name} ${m}x${n}x${k}`,
    a,
    b,
    out,
    m,
    n,
    k,
    aTransposed: kind.layout === 'TN',
    bTransposed: kind.layout === 'NT',
    accumulate: has('accumulate'),
    found,
    ...(bias && { bias }),
    dropout,
    ...(residual && { residual }),
    ...(has('softCap') && { softCap: CAP }),
    ...(seen && { activation: { kind: activation, preActivation: seen } }),
    ...(seenBackward && { activationBackward: { kind: activation, gated, preActivation: seenBackward } }),
  };

  const compare = (): Comparison[] => {
    const valuesOf = (tensor: Tensor | undefined) => (tensor ? run.values(tensor) : undefined);
    const [aValues, bValues] = [run.values(a), run.values(b)];
    const oracle = { NN: matmulOracle, NT: matmulTransposedB, TN: matmulTransposedA }[kind.layout];
    const product = oracle(aValues, bValues, m, n, k);
    const magnitudes = oracle(aValues.map(Math.abs), bValues.map(Math.abs), m, n, k);
    const [biases, residuals, old] = [
      valuesOf(bias),
      valuesOf(residual),
      has('accumulate') ? valuesOf(out) : undefined,
    ];
    /** k products and k - 1 sums in any order, fused or not; flushed subnormals. */
    const accumulated = (i: number): Approx =>
      new Approx(product[i]!, gamma(k) * magnitudes[i]! + k * 2 ** -126);
    const summed = (i: number): Approx => (biases ? accumulated(i).add(biases[i % n]!) : accumulated(i));
    const withBias = (i: number): Approx =>
      factors ? summed(i).mul(Approx.rounded(factors[i]!)) : summed(i);
    const comparisons: Comparison[] = [];
    let final = (i: number): Approx => withBias(i);
    let expected = (i: number): number => (product[i]! + (biases?.[i % n] ?? 0)) * (factors?.[i] ?? 1);
    const { value, derivative, replayed, derivativeReplayed } = activationOf(mlp);
    if (has('softCap')) {
      final = (i) => softCapReplayed(withBias(i), CAP);
      expected = (i) => CAP * Math.tanh(product[i]! / CAP);
    }
    if (seen) {
      // The function sees the pre-activation as stored, so the oracle takes what this kernel stored.
      const stored = run.read(seen);
      comparisons.push(
        compareStored(
          'pre-activation',
          formatOf(seen),
          stored,
          Float64Array.from(product, (_, i) => expected(i)),
          (i) => withBias(i).error,
        ),
      );
      final = (i) => replayed(stored[i]!);
      expected = (i) => value(stored[i]!);
    }
    if (seenBackward) {
      const pre = run.values(seenBackward);
      final = (i) => withBias(i).mul(derivativeReplayed(pre[i]!));
      expected = (i) => product[i]! * derivative(pre[i]!);
      if (gated) {
        const at = (i: number) => ({ of: Math.floor(i / (2 * n)) * n + (i % n), ofGate: i % (2 * n) < n });
        final = (i) => {
          const { of, ofGate } = at(i);
          return ofGate
            ? withBias(of)
                .mul(pre[i + n]!)
                .mul(derivativeReplayed(pre[i]!))
            : withBias(of).mul(replayed(pre[i - n]!));
        };
        expected = (i) => {
          const { of, ofGate } = at(i);
          return product[of]! * (ofGate ? pre[i + n]! * derivative(pre[i]!) : value(pre[i - n]!));
        };
      }
    }
    const added = residuals ?? old;
    const outcome = (i: number): number => expected(i) + (added?.[i] ?? 0);
    comparisons.push(
      compareStored(
        'out',
        formatOf(out),
        run.read(out),
        Float64Array.from({ length: halves * m * n }, (_, i) => outcome(i)),
        (i) => (added ? final(i).add(added[i]!).error : final(i).error),
      ),
    );
    if (again) comparisons.push(compareExact('recomputed', run.read(again), run.read(out)));
    return comparisons.map((comparison) => ({ ...comparison, of: args.label }));
  };
  const recomputed =
    seen &&
    again &&
    activationForward(target, {
      ...{ kind: activation, preActivation: seen, out: again, elements: m * n },
      label: `recomputed ${mlp}`,
    });
  return { dispatches: dispatchesOf(run, target, args), out, recomputed, compare };
}

/** Dropout of (m, n) in windows of five rows, of which the last is not full, and what it multiplies each element by. */
function planDropout(run: KernelRun, m: number, n: number): { dropout: RowDropout; factors: Float64Array } {
  const [context, rate, place] = [5, 1 / 3, 'h.0.mlp.c_proj'];
  const windows = Array.from({ length: Math.ceil(m / context) }, (_, b) => ({ seed: 99, index: 40 + 3 * b }));
  const words = windowWords(windows, { context, keys: context });
  const ones = new Float64Array(m * n).fill(1);
  return {
    dropout: { rate, stream: streamOf(place), context, windows: run.codes('windows', 'u32', words) },
    factors: dropped(rate, { T: context, windows }, place, ones, n),
  };
}

/** As the schedule makes them: weight gradients with a scratch of just the size that the plan gives them. */
function dispatchesOf(run: KernelRun, target: Target, args: MatmulArgs): Dispatch[] {
  if (!args.aTransposed) return [matmul(target, args)];
  const elements = partialElements(args.m, args.n, args.k, Number.POSITIVE_INFINITY);
  return weightGradient(target, args, run.output('partials', 'f32', elements));
}

/** Runs one kind at several shapes through the same pipeline. */
export async function checkMatmul(
  fixture: KernelFixture,
  target: Target,
  recipe: Recipe,
  kind: MatmulKind,
  shapes: readonly MatmulShape[],
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const planned = shapes.map((shape) => planMatmul(run, target, recipe, kind, shape, found));
  await run.run(
    planned.flatMap(({ dispatches, recomputed }) => [...dispatches, ...(recomputed ? [recomputed] : [])]),
  );
  const overflow = run.overflow();
  if (overflow !== null) throw new Error(`${overflow} reported an overflow`);
  return planned.flatMap((one) => one.compare());
}

/** Rows that fill no tile, columns that fill no workgroup, the shortest sum, a long one; sums over rows of any length. */
export function awkwardShapes(layout: MatmulKind['layout']): MatmulShape[] {
  return layout === 'TN'
    ? [
        { m: 36, n: 52, k: 21 },
        { m: 4, n: 132, k: 1 },
        { m: 20, n: 4, k: 1003 },
        { m: 68, n: 68, k: 3 },
        { m: 36, n: 128, k: 21 }, // as below
      ]
    : [
        { m: 37, n: 52, k: 20 },
        { m: 1, n: 132, k: 4 },
        { m: 19, n: 4, k: 1000 },
        { m: 67, n: 68, k: 12 },
        { m: 37, n: 128, k: 20 }, // full tiles of any width, also of eight columns a lane
      ];
}
