/** The start-up test of matrix units on real ones: it passes them, and sees what is wrong with changed WGSL. */
import { expect, test } from 'vitest';
import type { MatrixShape } from '../../src/engine/gpu/subgroupMatrix.ts';
import { matrixFault } from '../../src/engine/kernels/matrixSelfTest.ts';
import type { KernelFixture } from '../gpu/kernels/runKernel.ts';
import { realShape, withMatrixUnits } from './matrixUnits.ts';

type Change = (code: string) => string;

/** What is said of the kernel after `change` of its linked text. */
function faultOf(change: Change, shapeOf: (fixture: KernelFixture) => MatrixShape = realShape) {
  return withMatrixUnits(async (fixture) => {
    const { device, report, pipelines } = fixture;
    const make = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => {
      const { label = '', code } = descriptor;
      if (!label.startsWith('matmul_matrix')) return make(descriptor);
      const changed = change(code);
      if (change !== unchanged) expect(withoutLast(changed)).not.toBe(code);
      return make({ label, code: changed });
    };
    return matrixFault(device, pipelines, report, 'register8', shapeOf(fixture));
  });
}

const unchanged: Change = (code) => code;

/** Without a function that a change appends, which does nothing by itself. */
const withoutLast = (code: string): string => code.replace(/\nfn (changed|scratchAt)\(.*$/, '');

/** Operands as the tiles get them, changed by an expression of `v`, a vector. */
const operands =
  (expression: string): Change =>
  (code) =>
    `${code.replace(/vec4<Component>\(([ab]_decode\(v\))\)/g, 'vec4<Component>(changed($1))')}
fn changed(v: vec4f) -> vec4f { return ${expression}; }`;

const cutTo = (mask: string) => operands(`bitcast<vec4f>(bitcast<vec4u>(v) & vec4u(${mask}))`);

test('real matrices pass in every layout', async () => {
  expect(await faultOf(unchanged)).toBeNull();
});

test.each<[string, Change]>([
  ['operands cut to bfloat16', cutTo('0xffff0000u')],
  ['f16 subnormals taken for zero', operands('select(v, vec4f(), abs(v) < vec4f(0x1p-14))')],
  ['the left operand loaded transposed', swapMajor('Left')],
  ['the right operand loaded transposed', swapMajor('Right')],
  [
    'sums in f16',
    (code) =>
      code
        .replace('subgroup_matrix_result<f32', 'subgroup_matrix_result<f16')
        .replace(/(var<workgroup> scratch: array<)f32/, '$1f16')
        .replace(/\bscratch\[/g, 'scratchAt(')
        .replace(/(scratchAt\([^\]]*)\]/g, '$1)')
        .concat('\nfn scratchAt(i: u32) -> f32 { return f32(scratch[i]); }'),
  ],
  ['nothing stored', (code) => code.replace(/subgroupMatrixStore<.*?>\(.*\);/, '')],
])('%s do not', async (_, change) => {
  expect(await faultOf(change)).toMatch(/^f16 8x8x8 (NN|NT|TN|TN in parts): .* where the plain kernel has /);
});

function swapMajor(side: 'Left' | 'Right'): Change {
  const swapped = { row_major: 'col_major', col_major: 'row_major' } as const;
  return (code) =>
    code.replace(
      new RegExp(`(subgroupMatrixLoad<${side}, )(row_major|col_major)`, 'g'),
      (_, before, major: keyof typeof swapped) => `${before}${swapped[major]}`,
    );
}

/** TF32 has the mantissa of f16 and a wider exponent; only f32 operands lose bits by it, which these units do not take. */
test('operands cut to TF32 are f16 operands as they were, and fail where they are f32', async () => {
  const cut = cutTo('0xffffe000u');
  expect(await faultOf(cut)).toBeNull();
  const emulated: MatrixShape = { component: 'f32', m: 8, n: 8, k: 8, emulated: true };
  expect(await faultOf(cut, () => emulated)).toMatch(/^f32 8x8x8 NN: .* where the plain kernel has /);
});
