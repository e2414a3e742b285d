import { describe, test } from 'vitest';
import type { Comparison } from './bounds.ts';
import { awkwardShapes, checkMatmul, MATMUL_KINDS } from './matmulCase.ts';
import { fewModes, storedModes } from './modes.ts';
import { targetOf } from './runKernel.ts';
import { expectWithin, withBench } from './withBench.ts';

const ALL = storedModes(['native', 'packed']);
const KERNELS = [
  { kernel: 'register32', subgroups: true, title: 'register32, subgroups', modes: ALL },
  { kernel: 'register16', subgroups: true, title: 'register16, subgroups', modes: fewModes() },
  { kernel: 'register8', subgroups: false, title: 'register8', modes: fewModes() },
  { kernel: 'tiled', subgroups: false, title: 'tiled', modes: fewModes() },
] as const;

describe.each(KERNELS)('matmul ($title)', ({ kernel, subgroups, title, modes }) => {
  test.each(modes)('every matmul of a model in $title', (mode) =>
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
