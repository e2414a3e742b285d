import { expect, test } from 'vitest';
import { reportOf } from '../../src/engine/gpu/device.ts';
import { PipelineCache } from '../../src/engine/gpu/pipelines.ts';
import {
  type MatrixShape,
  matrixShapeFor,
  SUBGROUP_MATRIX,
  type SubgroupMatrixConfig,
  shapeName,
  usableShapes,
} from '../../src/engine/gpu/subgroupMatrix.ts';
import { chooseKernels, recordedChoice, recordKernels } from '../../src/engine/kernels/kernelChoice.ts';
import { withDevice } from '../gpu/device.ts';

const config = (names: string, M: number, N: number, K: number): SubgroupMatrixConfig => {
  const [componentType, resultComponentType] = names.split(' ') as [string, string];
  return { componentType, resultComponentType, M, N, K };
};
const shape = (component: 'f16' | 'f32', m: number, n: number, k: number): MatrixShape => ({
  ...{ component, m, n, k },
});

test('matrices are used that are summed in f32 and fit the tiles, the largest first', () => {
  const nvidia = [config('f16 f16', 16, 16, 16), config('f16 f32', 16, 8, 16), config('f16 f32', 16, 16, 16)];
  expect(usableShapes(nvidia).map(shapeName)).toEqual(['f16 16x16x16', 'f16 16x8x16']);
  const apple = [config('f32 f32', 8, 8, 8), config('f16 f16', 8, 8, 8)];
  expect(usableShapes(apple).map(shapeName)).toEqual(['f32 8x8x8']);
  const odd = [config('i8 i32', 16, 16, 32), config('f16 f32', 12, 16, 16), config('f32 f32', 8, 8, 32)];
  expect(usableShapes(odd)).toEqual([]);
});

test('operands take the narrowest component that holds them exactly; small results take none', () => {
  const both = [shape('f16', 16, 16, 16), shape('f32', 8, 8, 8)];
  const of = (shapes: MatrixShape[], ...formats: Parameters<typeof matrixShapeFor>[1]) =>
    matrixShapeFor(shapes, formats, 64, 64)?.component;
  expect(of(both, 'f16', 'f16-flush')).toBe('f16');
  expect(of(both, 'e4m3fn', 'e5m2')).toBe('f16');
  for (const format of ['f32', 'tf32', 'bf16'] as const) {
    expect(of(both, 'f16', format)).toBe('f32');
    expect(of(both.slice(0, 1), format, 'f16')).toBeUndefined();
  }
  expect(matrixShapeFor(both, ['f16', 'f16'], 1, 768)).toBeUndefined();
});

/** Dawn's backend without a GPU offers the feature, with subgroups of 4 to 128 lanes and no shapes. */
test('why matrix units are not used is said, and recorded with the run', () =>
  withDevice(
    async (device, { adapter }) => {
      const report = reportOf(adapter, device);
      const pipelines = new PipelineCache(device);
      const choice = await chooseKernels(device, pipelines, report);
      const { matmul, subgroupMatrix } = recordKernels(choice);
      expect(subgroupMatrix).toBe(
        'not used: they need subgroups: sizes vary from 4 to 128 lanes, and this WebGPU cannot fix one',
      );
      expect(await chooseKernels(device, pipelines, report)).toBe(choice);

      const again = async (saved: string | undefined) => {
        const recorded = { matmul, ...(saved !== undefined && { subgroupMatrix: saved }) };
        return recordKernels(await recordedChoice(device, pipelines, report, recorded)).subgroupMatrix;
      };
      expect(await again(subgroupMatrix)).toBe(subgroupMatrix);
      expect(await again(undefined)).toBeUndefined();
      expect(await again('f16 16x16x16')).toBe(
        'not used: f16 16x16x16, which the run began with, is not here',
      );
    },
    {
      dawn: ['backend=null', 'enable-dawn-features=allow_unsafe_apis'],
      features: ['subgroups', SUBGROUP_MATRIX as GPUFeatureName],
    },
  ));
