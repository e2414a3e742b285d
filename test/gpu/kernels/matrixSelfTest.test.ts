/** The start-up test of matrix units, on emulated ones: what it lets pass, and that it sees what drivers may get wrong. */
import { expect, test } from 'vitest';
import type { MatrixShape } from '../../../src/engine/gpu/subgroupMatrix.ts';
import { matrixFault } from '../../../src/engine/kernels/matrixSelfTest.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const F16: MatrixShape = { component: 'f16', m: 8, n: 8, k: 4, emulated: true };
const F32: MatrixShape = { component: 'f32', m: 8, n: 4, k: 8, emulated: true };

/** What is said when the text of the kernel has been changed so. */
function faultOf(shape: MatrixShape, from: string, to: string): Promise<string | null> {
  return withKernelFixture(async ({ device, report, pipelines }) => {
    const make = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => {
      const { label = '', code } = descriptor;
      if (!label.startsWith('matmul_matrix')) return make(descriptor);
      expect(code).toContain(from);
      return make({ label, code: code.replaceAll(from, to) });
    };
    return matrixFault(device, pipelines, report, 'register8', shape);
  });
}

test('matrices that are right pass in every layout', async () => {
  expect(await faultOf(F32, 'fma', 'fma')).toBeNull();
});

test.each([
  [
    'f16 subnormals taken for zero',
    F16,
    'a_decode(v)',
    'select(a_decode(v), vec4f(), abs(a_decode(v)) < vec4f(0x1p-14))',
  ],
  [
    'operands cut to TF32',
    F32,
    'a_decode(v)',
    'bitcast<vec4f>(bitcast<vec4u>(a_decode(v)) & vec4u(0xffffe000u))',
  ],
  ['nothing stored', F32, 'scratch[at + i] = sum[i];', ''],
] as const)('%s do not', async (_, shape, from, to) => {
  const fault = await faultOf(shape, from, to);
  expect(fault).toMatch(/^f(16|32) 8x[48]x[48] NN: .* where the plain kernel has /);
});

test('a pipeline that the driver refuses is a reason, not an error', async () => {
  expect(await faultOf(F32, 'var<workgroup> scratch', 'const broken = ;')).toMatch(
    /^f32 8x4x8: The GPU's compiler could not compile/,
  );
});
