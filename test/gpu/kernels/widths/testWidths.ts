import { describe, expect, test } from 'vitest';
import { expectWithin, withKernelFixture } from '../withKernelFixture.ts';
import { WIDTH_CASES, WIDTHS, widthTarget } from './widthCases.ts';

/**
 * Declares the tests of one size of subgroups, which lavapipe takes from the width of the vectors that it compiles to.
 * It reads the environment when it is loaded: one size a process.
 * @param cover whether every kernel meets every width, or only two of them, which saves most of the compiling
 */
export function testWidths(subgroup: number, cover: 'every width' | 'two widths'): void {
  process.env.LP_NATIVE_VECTOR_WIDTH = String(32 * subgroup);
  process.env.MESA_SHADER_CACHE_DIR += `-${subgroup}`;

  describe(`subgroups of ${subgroup}`, () => {
    test('are what the adapter has', () =>
      withKernelFixture(async ({ report }) => {
        expect(report.subgroupSize).toEqual({ min: subgroup, max: subgroup });
      }));

    test.each(WIDTHS)('workgroups of %i lanes', (lanes) =>
      withKernelFixture(async (fixture) => {
        for (const [i, { title, check }] of WIDTH_CASES.entries()) {
          const turn = (WIDTHS.indexOf(lanes) + i) % WIDTHS.length;
          if (cover === 'two widths' && turn > 1) continue;
          const comparisons = await check(fixture, widthTarget(subgroup, lanes));
          expectWithin(`${title}, ${lanes} lanes in subgroups of ${subgroup}`, comparisons);
        }
      }),
    );
  });
}
