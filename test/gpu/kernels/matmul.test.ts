import { expect, test } from 'vitest';
import type { MatmulKernel } from '../../../src/engine/gpu/operation.ts';
import type { MatrixShape } from '../../../src/engine/gpu/subgroupMatrix.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { testEveryMatmul } from './everyMatmul.ts';
import { awkwardShapes, checkMatmul, MATMUL_KINDS, planMatmul, WITH_DROPOUT } from './matmulCase.ts';
import { checkMatrices } from './matrixCase.ts';
import { fewModes, storedModes } from './modes.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

testEveryMatmul([
  {
    kernel: 'register32',
    subgroups: true,
    title: 'register32, subgroups',
    modes: storedModes(['native', 'packed']),
  },
  { kernel: 'register16', subgroups: true, title: 'register16, subgroups', modes: fewModes() },
  { kernel: 'register8', subgroups: false, title: 'register8', modes: fewModes() },
  // Another tile of this kernel is tested in more.
  {
    kernel: 'register16-unshared',
    subgroups: true,
    title: 'register16, unshared',
    modes: fewModes().slice(0, 1),
  },
]);

test.each([
  ['register32', true, 'fp16'],
  ['register8', false, 'fp8'],
  ['tiled64', false, 'fp32'],
] as const)('matmul with dropout, %s (subgroups %s, %s)', (kernel, subgroups, mode) =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', subgroups, kernel);
    const shapes = awkwardShapes(WITH_DROPOUT.layout);
    const comparisons = await checkMatmul(fixture, target, recipeOf(mode), WITH_DROPOUT, shapes);
    expectWithin(`matmul with dropout (${kernel}) ${mode}`, comparisons);
  }),
);

/** More than a tile of each kernel in rows and columns, none of them full, and sums that end within a step. */
const SEVERAL_TILES = {
  NN: { m: 133, n: 132, k: 52 },
  NT: { m: 133, n: 132, k: 52 },
  TN: { m: 132, n: 140, k: 523 },
} as const;

test('fp32: all kernels and tiles sum to the same bits, in all layouts and in parts', () =>
  withKernelFixture(async (fixture) => {
    const codesOf = async (kernel: MatmulKernel): Promise<unknown> => {
      const run = new KernelRun(fixture);
      const found = run.found();
      const target = { ...targetOf(fixture, 'packed', false, kernel), splitSums: true };
      const planned = ['ln_f gradient', 'logits', 'weight gradient'].map((name) => {
        const kind = MATMUL_KINDS.find((one) => one.name === name)!;
        return planMatmul(run, target, recipeOf('fp32'), kind, SEVERAL_TILES[kind.layout], found);
      });
      const dispatches = planned.flatMap((one) => one.dispatches);
      expect(dispatches.map(({ grid }) => grid[2])).toEqual([1, 1, 2, 1]);
      await run.run(dispatches);
      return planned.map(({ out }) => run.codesOf(out));
    };
    const expected = await codesOf('register8');
    for (const kernel of ['register16-unshared', 'tiled64', 'tiled128'] as const) {
      expect(await codesOf(kernel), kernel).toEqual(expected);
    }
  }));

/** As above, with full tiles of eight columns a lane. */
const WIDE_TILES = { NN: { m: 133, n: 256, k: 52 }, TN: { m: 132, n: 256, k: 523 } } as const;

test('fp32: eight columns a lane sum to the same bits as four', () =>
  withKernelFixture(async (fixture) => {
    const codesOf = async (kernel: MatmulKernel, wide: boolean): Promise<unknown> => {
      const run = new KernelRun(fixture);
      const found = run.found();
      const target = targetOf(fixture, 'packed', true, kernel);
      const planned = (['NN', 'TN'] as const).map((layout) => {
        const kind = MATMUL_KINDS.find((one) => one.layout === layout && one.fused[0] === 'accumulate')!;
        return planMatmul(run, target, recipeOf('fp32'), kind, WIDE_TILES[layout], found);
      });
      const dispatches = planned.flatMap((one) => one.dispatches);
      expect(dispatches.map(({ variant }) => variant.conditions.wide)).toEqual([wide, wide]);
      await run.run(dispatches);
      return planned.map(({ out }) => run.codesOf(out));
    };
    expect(await codesOf('register32', true)).toEqual(await codesOf('register16', false));
  }));

/** Two, three and as many parts as there may be of these sums; the last part is shorter, also than a step of the kernel. */
const LONG_SUMS = [
  { m: 36, n: 52, k: 513 },
  { m: 20, n: 4, k: 1003 },
  { m: 4, n: 132, k: 2049 },
];

test.each([
  ['register32', true, 'fp16'],
  ['register8', false, 'fp8'],
  ['tiled64', false, 'fp32'],
  ['tiled128', false, 'fp16'],
] as const)(
  'weight gradients whose sums are cut, %s, the same bits twice (subgroups %s, %s)',
  (kernel, subgroups, mode) =>
    withKernelFixture(async (fixture) => {
      const target = { ...targetOf(fixture, 'packed', subgroups, kernel), splitSums: true };
      const kind = MATMUL_KINDS.find(({ name }) => name === 'weight gradient')!;
      const once = async () => {
        const run = new KernelRun(fixture);
        const found = run.found();
        const planned = LONG_SUMS.map((shape) => planMatmul(run, target, recipeOf(mode), kind, shape, found));
        expect(planned.map(({ dispatches }) => dispatches[0]!.grid[2])).toEqual([2, 3, 7]);
        await run.run(planned.flatMap(({ dispatches }) => dispatches));
        expect(run.overflow()).toBeNull();
        return {
          comparisons: planned.flatMap(({ compare }) => compare()),
          codes: planned.map(({ out }) => run.codesOf(out)),
        };
      };
      const [first, second] = [await once(), await once()];
      expectWithin(`weight gradients in parts (${kernel}) ${mode}`, first.comparisons);
      expect(second.codes).toEqual(first.codes);
    }),
);

/** Sides that differ tell rows, columns and the sum's steps apart. */
test.each<[MatrixShape, string]>([
  [{ component: 'f32', m: 8, n: 4, k: 16 }, 'fp32'],
  [{ component: 'f16', m: 8, n: 16, k: 4 }, 'fp16'],
])('matmul on matrices of a subgroup, emulated, %o in %s', (shape, mode) =>
  withKernelFixture((fixture) =>
    checkMatrices(fixture, targetOf(fixture, 'packed', true), { ...shape, emulated: true }, recipeOf(mode)),
  ),
);
