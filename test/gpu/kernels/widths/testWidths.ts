import { describe, expect, test } from 'vitest';
import { probeSubgroups, SUBGROUP_SIZE_CONTROL } from '../../../../src/engine/gpu/subgroups.ts';
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
    test('are what the adapter names, and what a kernel shows', () =>
      withKernelFixture(async ({ device, report }) => {
        const range = { min: subgroup, max: subgroup };
        expect(report.subgroupSize).toEqual(range);
        const proven = { size: subgroup, asked: false, note: null };
        expect(await probeSubgroups(device, range)).toEqual(proven);
      }));

    test('are asked for where an adapter names several sizes', () =>
      withKernelFixture(
        async ({ device }) => {
          const range = { min: Math.min(subgroup, 8), max: 2 * subgroup };
          const shown = await probeSubgroups(device, range);
          expect(shown).toEqual(
            subgroup === 16
              ? { size: 16, asked: true, note: null }
              : { size: null, asked: false, note: expect.stringMatching(/subgroup_size attribute/) },
          );
        },
        { features: ['subgroups', SUBGROUP_SIZE_CONTROL as GPUFeatureName] },
      ));

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
