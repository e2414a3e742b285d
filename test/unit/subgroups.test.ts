import { describe, expect, test } from 'vitest';
import type { AdapterReport } from '../../src/engine/gpu/device.ts';
import { laneForm } from '../../src/engine/gpu/lanes.ts';
import { assemble } from '../../src/engine/gpu/shaders.ts';
import {
  expectedSubgroups,
  probeDispatch,
  probeFault,
  SUBGROUP_SIZE_CONTROL,
} from '../../src/engine/gpu/subgroups.ts';
import { makeTarget } from '../../src/engine/gpu/target.ts';

const CONTROL = [SUBGROUP_SIZE_CONTROL];
const OUT = { name: 'out', type: 'u32', elements: 2 ** 12 } as const;

test.each([
  ['NVIDIA', 32, 32, CONTROL, 32, false],
  ['AMD', 32, 64, CONTROL, 32, true],
  ['Intel', 8, 32, CONTROL, 16, true],
  ['Adreno', 64, 128, CONTROL, 64, true],
  ['AMD in a browser without the feature', 32, 64, [], null, false],
  ['Apple', 4, 64, [], null, false],
])('%s: subgroups of %i to %i lanes', (_, min, max, features, size, asked) => {
  expect(expectedSubgroups({ min, max }, features)).toMatchObject({ size, asked });
});

test('an unknown size is said, and no kernel uses subgroups then', async () => {
  const subgroup = expectedSubgroups({ min: 32, max: 64 }, []);
  expect(subgroup?.note).toBe('sizes vary from 32 to 64 lanes, and this WebGPU cannot fix one');
  const report = { subgroup, isFallback: false } as AdapterReport;
  const target = makeTarget(report, 'packed', { matmul: 'register16', matrixShapes: [] });
  expect(target).toMatchObject({ subgroup: null, lanes: 64 });
  expect(laneForm(target)).toEqual({ conditions: { subgroups: false }, constants: { LANES: 64 } });
});

test('the width of a workgroup is a multiple of the subgroup on GPUs, which a pipeline that asks for a size needs', () => {
  const lanes = [16, 32, 64, 128].map((size) => {
    const report = { subgroup: { size, asked: true, note: null }, isFallback: false } as AdapterReport;
    return makeTarget(report, 'packed', { matmul: 'register16', matrixShapes: [] }).lanes;
  });
  expect(lanes).toEqual([64, 64, 64, 128]);
});

test('a pipeline asks for the size of its subgroups, once, where the adapter has several', async () => {
  const { variant } = probeDispatch(OUT, 0, 64, { size: 32, asked: true, note: null });
  const { code } = await assemble(variant);
  expect(code.match(/@compute @subgroup_size\(32\)/g)).toHaveLength(1);
  expect(code).toMatch(/^enable subgroup_size_control;$/m);
  const fixed = probeDispatch(OUT, 0, 64, { size: 32, asked: false, note: null });
  expect((await assemble(fixed.variant)).code).not.toContain('subgroup_size_control');
});

test.each([
  [64, 32, 32, false, true],
  [64, 64, 64, false, false],
  [32, 64, 32, false, false],
  [12, 8, 4, true, true],
  [7, 8, 1, true, false],
  [8, 8, 8, false, false],
])(
  '%i lanes in subgroups of %i share in groups of %i',
  (lanes, subgroup, share, sharesPart, severalSubgroups) => {
    const { conditions, constants } = laneForm({ subgroup, lanes });
    expect(constants).toEqual({ LANES: lanes, SUBGROUP: subgroup, SHARE: share });
    expect(conditions).toEqual({ subgroups: true, asksSubgroup: false, sharesPart, severalSubgroups });
  },
);

describe('what a kernel shows of subgroups', () => {
  const shown = (width: number, size: number, placeOf = (local: number) => local) =>
    Uint32Array.from({ length: 4 * 4 * width }, (_, i) => {
      const local = placeOf(Math.floor(i / 4) % width);
      const lowest = local - (local % size);
      return [size, local % size, Math.min(size, width - lowest), lowest][i % 4]!;
    });

  test('is right in narrow workgroups, and in ones that are no multiple', () => {
    for (const width of [4, 12, 40, 256]) expect(probeFault(shown(width, 8), [width], 8)).toBeNull();
  });

  test('is refused where it is another size than the adapter names', () => {
    expect(probeFault(shown(64, 64), [64], 32)).toBe(
      'subgroups of 32 lanes were expected, and a kernel has 64',
    );
    expect(probeFault(new Uint32Array(4 * 4 * 64), [64], 32)).toMatch(/a kernel has 0$/);
  });

  test('is refused where lanes are in another order', () => {
    const crossed = (local: number) => (local % 2) * 32 + Math.floor(local / 2);
    expect(probeFault(shown(64, 32, crossed), [64], 32)).toBe(
      'the subgroups of a workgroup of 64 lanes are not 32 consecutive lanes each',
    );
  });
});
