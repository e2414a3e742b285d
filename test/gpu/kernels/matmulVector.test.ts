/** The matmul of one row, in the form for software adapters and in the one for GPUs, against the f64 oracle. */
import { expect, test } from 'vitest';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { MATMUL_KINDS, planMatmul } from './matmulCase.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

/** Columns that fill no workgroup, and sums of more and of fewer vectors than there are parts. */
const SHAPES = [
  { m: 1, n: 140, k: 300 },
  { m: 1, n: 4, k: 12 },
];
const KINDS = ['c_attn', 'attn.c_proj', 'c_fc with GELU', 'logits'];

test.each([
  ['fp32', false],
  ['fp32', true],
  ['fp16', true],
  ['fp8', true],
] as const)('%s, on a GPU %s', (mode, splitSums) =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const found = run.found();
    const target = { ...targetOf(fixture, 'packed', true), splitSums };
    const planned = MATMUL_KINDS.filter(({ name }) => KINDS.includes(name)).flatMap((kind) =>
      SHAPES.map((shape) => planMatmul(run, target, recipeOf(mode), kind, shape, found)),
    );
    expect(planned).toHaveLength(KINDS.length * SHAPES.length);
    const dispatches = planned.flatMap((one) => one.dispatches);
    expect(dispatches.map(({ variant }) => variant.kernel)).toEqual(dispatches.map(() => 'matmul_vector'));
    await run.run(planned.flatMap((one) => [...one.dispatches, ...(one.recomputed ? [one.recomputed] : [])]));
    expect(run.overflow()).toBeNull();
    expectWithin(
      `matmul of one row, ${mode}`,
      planned.flatMap((one) => one.compare()),
    );
  }),
);

test('fp32: software adapters sum as in matmuls of several rows, to the bit', () =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', true);
    const firstRow = async (m: number) => {
      const run = new KernelRun(fixture);
      const found = run.found();
      const [n, k] = [140, 300];
      const a = Float64Array.from({ length: m * k }, (_, i) => Math.sin(i));
      const b = Float64Array.from({ length: k * n }, (_, i) => Math.cos(i));
      const planned = ['c_attn', 'logits'].map((name) => {
        const kind = MATMUL_KINDS.find((one) => one.name === name)!;
        return planMatmul(run, target, recipeOf('fp32'), kind, { m, n, k }, found, { a, b });
      });
      await run.run(planned.flatMap(({ dispatches }) => dispatches));
      return planned.map(({ out }) => run.codesOf(out).slice(0, n));
    };
    expect(await firstRow(1)).toEqual(await firstRow(5));
  }));
