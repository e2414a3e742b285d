/** The product of gated MLPs, and the same made again, against the f64 oracle. */
import { MLP_KINDS, MLPS } from '../../../src/engine/config/gptConfig.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { formatOf } from '../../../src/engine/gpu/tensor.ts';
import { gatedForward } from '../../../src/engine/kernels/activation.ts';
import type { Recipe } from '../../../src/engine/precision/recipes.ts';
import { gatedForward as gatedOracle } from '../../../src/engine/reference/ops.ts';
import { activationOf } from './activations.ts';
import { type Comparison, compareExact, compareReplayed } from './bounds.ts';
import { normal } from './inputs.ts';
import { rolesOf } from './modes.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

/** One vector a row, rows that end within a workgroup, more than a workgroup a row. */
const SHAPES = [
  { rows: 3, width: 4 },
  { rows: 37, width: 20 },
  { rows: 5, width: 352 },
] as const;

export async function checkGated(
  fixture: KernelFixture,
  target: Target,
  recipe: Recipe,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const roles = rolesOf(recipe);
  const plans = MLP_KINDS.filter((mlp) => MLPS[mlp].gated).flatMap((mlp) =>
    SHAPES.map(({ rows, width }) => ({
      ...{ mlp, rows, width, kind: MLPS[mlp].function, label: `${MLPS[mlp].title} ${rows}x${width}` },
      preActivation: run.input('pre-activation', roles.preActivation, normal(2 * rows * width, 1, 2)),
      out: run.output('out', roles.activation, rows * width),
      again: run.output('again', roles.activation, rows * width),
    })),
  );
  await run.run(
    plans.flatMap(({ again, ...plan }) => [
      gatedForward(target, { ...plan, found }),
      gatedForward(target, { ...plan, out: again }),
    ]),
  );
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  return plans.flatMap(({ mlp, rows, width, preActivation, out, again }) => {
    const { value, replayed } = activationOf(mlp);
    const pre = run.values(preActivation);
    const products = Array.from({ length: rows * width }, (_, i) => {
      const gate = 2 * i - (i % width);
      return replayed(pre[gate]!).mul(pre[gate + width]!);
    });
    return [
      compareReplayed('product', formatOf(out), run.read(out), gatedOracle(pre, rows, value), products),
      compareExact('recomputed', run.read(again), run.read(out)),
    ];
  });
}
