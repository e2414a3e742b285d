/** Every matmul of a model, in a list of kernels, against f64 oracles. */
import { describe, test } from 'vitest';
import type { MatmulKernel } from '../../../src/engine/gpu/operation.ts';
import type { Comparison } from './bounds.ts';
import { awkwardShapes, checkMatmul, kindsFor } from './matmulCase.ts';
import type { StoredMode } from './modes.ts';
import { targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

export interface TestedKernel {
  readonly kernel: MatmulKernel;
  readonly subgroups: boolean;
  readonly title: string;
  readonly modes: readonly StoredMode[];
}

export function testEveryMatmul(kernels: readonly TestedKernel[]): void {
  describe.each(kernels)('matmul ($title)', ({ kernel, subgroups, title, modes }) => {
    test.each(modes)('every matmul of a model in $title', (mode) =>
      withKernelFixture(async (fixture) => {
        const target = targetOf(fixture, mode.half, subgroups, kernel);
        const comparisons: Comparison[] = [];
        for (const kind of kindsFor(kernel)) {
          comparisons.push(
            ...(await checkMatmul(fixture, target, mode.recipe, kind, awkwardShapes(kind.layout))),
          );
        }
        expectWithin(`matmul (${title}) ${mode.title}`, comparisons);
      }),
    );
  });
}
