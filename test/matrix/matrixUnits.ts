/** Devices with real subgroup matrices: `node scripts/test.mjs --only matrix` starts these tests on a driver that has them. */
import { SUBGROUP_MATRIX, usableShapes } from '../../src/engine/gpu/subgroupMatrix.ts';
import { type DeviceOptions, requestTestAdapter } from '../gpu/device.ts';
import type { KernelFixture } from '../gpu/kernels/runKernel.ts';
import { withKernelFixture } from '../gpu/kernels/withKernelFixture.ts';

const FEATURES = ['shader-f16', 'subgroups', SUBGROUP_MATRIX] as GPUFeatureName[];
const DAWN = ['enable-dawn-features=allow_unsafe_apis'];

/** @throws where the adapter has no matrices, with what to do */
export async function matrixDevice(): Promise<DeviceOptions> {
  const { features, info } = await requestTestAdapter(DAWN);
  const missing = FEATURES.filter((feature) => !features.has(feature));
  if (missing.length > 0) {
    throw new Error(
      `${info.description} has no ${missing.join(', ')}: start these tests with "node scripts/test.mjs --only matrix".`,
    );
  }
  return { features: FEATURES, dawn: DAWN };
}

export async function withMatrixUnits<T>(body: (fixture: KernelFixture) => Promise<T>): Promise<T> {
  return withKernelFixture(body, await matrixDevice());
}

/** The adapter's shape with f16 operands that is summed in f32: software drivers have one. */
export function realShape({ report }: Pick<KernelFixture, 'report'>) {
  const shape = usableShapes(report.matrixConfigs).find(({ component }) => component === 'f16');
  if (!shape) throw new Error(`${report.name} has no f16 matrices that are summed in f32`);
  return shape;
}
