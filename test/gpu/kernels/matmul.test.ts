import { describe, test } from 'vitest';
import type { Comparison } from './bounds.ts';
import { awkwardShapes, checkMatmul, MATMUL_KINDS } from './matmulCase.ts';
import { storedModes } from './modes.ts';
import { targetOf } from './runKernel.ts';
import { expectWithin, withBench } from './withBench.ts';

const KERNELS = [
  { kernel: 'register32', subgroups: true, title: 'register32, subgroups' },
  { kernel: 'register16', subgroups: true, title: 'register16, subgroups' },
  { kernel: 'register8', subgroups: false, title: 'register8' },
  { kernel: 'tiled', subgroups: false, title: 'tiled' },
] as const;

describe.each(KERNELS)('matmul ($title)', ({ kernel, subgroups, title }) => {
  test.each(storedModes(['native', 'packed']))('every matmul of a model in $title', (mode) =>
    withBench(async (bench) => {
      const target = targetOf(bench, mode.half, subgroups, kernel);
      const comparisons: Comparison[] = [];
      for (const kind of MATMUL_KINDS) {
        comparisons.push(
          ...(await checkMatmul(bench, target, mode.recipe, kind, awkwardShapes(kind.layout))),
        );
      }
      expectWithin(`matmul (${title}) ${mode.title}`, comparisons);
    }),
  );
});
