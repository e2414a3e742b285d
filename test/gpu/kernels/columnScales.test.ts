/** Scales of columns, scales that are no powers of two, and scales that matmuls apply to their sums. */
import { expect, test } from 'vitest';
import { randomBits } from '../../../src/engine/core/rng.ts';
import { byteRange, slice } from '../../../src/engine/gpu/tensor.ts';
import { matmul } from '../../../src/engine/kernels/matmul.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { columnScratch, quantizeColumns } from '../../../src/engine/kernels/quantize.ts';
import { quantizeBlocks } from '../../../src/engine/kernels/quantizeBlocks.ts';
import { largestBits } from '../../../src/engine/precision/quantization.ts';
import type { ScaleKind } from '../../../src/engine/precision/storage.ts';
import { decodeBits, encodeBits, f32Bits, roundTo } from '../../../src/engine/reference/rounding.ts';
import { amaxBits, currentScale, inverseFor } from '../../../src/engine/reference/tensorScale.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { inversesOf, scaledInput } from './scaledInputs.ts';
import { EMULATED, expectExactProducts, KERNELS, scaledMatrix } from './scaledProducts.ts';
import { withKernelFixture } from './withKernelFixture.ts';

/** A reciprocal within 2.5 units in the last place, as WGSL allows, and a rounded product. */
const DIVIDED = 2 ** -21;

/** Whether `code` is that of x / inverse: to the bit for powers of two, else within the division's error. */
function expectCode(code: number, x: number, inverse: number, as: ScaleKind, title: string): void {
  const exact = inverse === 0 ? 0 * x : Math.fround(x / inverse);
  const error = as === 'pow2' || as === 'e8m0' ? 0 : DIVIDED;
  const allowed = [1 - error, 1, 1 + error].map((f) => encodeBits('e4m3fn', f32Bits(exact * f)));
  if (Number.isNaN(x)) expect(code & 0x7f, title).toBe(0x7f);
  else expect(allowed, `${title}: ${x} / ${inverse}`).toContain(code);
}

/** Widths that fill a workgroup and that do not; rows that are one block of them, several, and ragged. */
const SHAPES = [
  { rows: 1, columns: 36 },
  { rows: 33, columns: 4 },
  { rows: 71, columns: 100 },
  { rows: 300, columns: 16 },
] as const;

test.each(['pow2', 'e8m0', 'f32'] as const)('every column at a scale of its own, as %s', (as) =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', false);
    const run = new KernelRun(fixture);
    const cases = SHAPES.map(({ rows, columns }) => {
      const name = `${rows} x ${columns}`;
      const elements = rows * columns;
      const values = Array.from({ length: elements }, (_, at) =>
        scaledInput(at % columns, Math.floor(at / columns)),
      );
      const inp = run.codes(`${name} inp`, 'f32', values.map(f32Bits));
      const tensor = run.output(`${name} out`, 'e4m3fn', elements, { columns, as });
      const out = slice(tensor, 0, elements);
      const partials = run.output(`${name} partials`, 'f32', columnScratch(out, elements));
      const back = run.output(`${name} back`, 'f32', elements);
      const operations = [
        ...quantizeColumns(target, { label: name, inp, out, elements, partials }),
        convertFormat(target, { label: `${name} read`, inp: out, out: back, elements }),
      ];
      return { name, rows, columns, values, tensor, out, back, operations };
    });
    await run.run(cases.flatMap(({ operations }) => operations));
    for (const { name, rows, columns, values, tensor, out, back } of cases) {
      const inverses = inversesOf(run.bytesOf(tensor), byteRange(out), columns, as);
      const codes = run.codesOf(tensor);
      const read = new Float32Array(run.bytesOf(back));
      for (const [column, inverse] of inverses.entries()) {
        const own = Array.from({ length: rows }, (_, row) => values[row * columns + column]!);
        const wanted = as === 'f32' ? inverseFor(amaxBits(own), 448) : 1 / currentScale(own, 'e4m3fn');
        const title = `${name}, column ${column}`;
        expect(inverse, title).toBe(wanted);
        for (const [row, x] of own.entries()) {
          const at = row * columns + column;
          expectCode(codes[at]!, x, inverse, as, title);
          expect(read[at], title).toBe(Math.fround(decodeBits('e4m3fn', codes[at]!) * inverse));
        }
      }
    }
  }),
);

test.each(['f32', 'e4m3'] as const)(
  'blocks of 16 and rows at scales as %s, with one of the tensor where they are in E4M3',
  (as) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, 'packed', false);
      const run = new KernelRun(fixture);
      const [block, count] = [16, 83];
      const elements = block * count;
      const largest = as === 'e4m3' ? f32Bits(448 * 448) : largestBits('e4m3fn');
      // A tensor with infinity or NaN has a scale of 1, under which blocks of this size are all zero: those groups are left out.
      const first = as === 'e4m3' ? 3 : 0;
      const values = Array.from({ length: elements }, (_, at) => {
        const group = first + Math.floor(at / block);
        const value = scaledInput(group, at % block);
        return as === 'e4m3' && group === 4 ? 0 : value;
      });
      const inp = run.codes('inp', 'f32', values.map(f32Bits));
      const tensor = run.output('out', 'e4m3fn', elements, { block, as });
      const scales = run.codes('scales', 'u32', [0x3f800000, 0x3f800000, largest, 0]);
      const amax = run.zeros('amax', 'u32', 1);
      const scale = { tensor: scales, record: 0, as: 'f32' } as const;
      const out = { ...slice(tensor, 0, elements), ...(as === 'e4m3' && { scale }) };
      await run.run(quantizeBlocks(target, { label: 'blocks', inp, out, elements, amax, scales }));
      const inverses = inversesOf(run.bytesOf(tensor), byteRange(out), count, as);
      const [, ofTensor] = new Float32Array(run.bytesOf(scales));
      expect(ofTensor).toBe(as === 'e4m3' ? inverseFor(amaxBits(values), 448 * 448) : 1);
      const codes = run.codesOf(tensor);
      for (const [k, inverse] of inverses.entries()) {
        const own = values.slice(k * block, (k + 1) * block);
        const wanted = inverseFor(amaxBits(own), 448);
        const ofBlock = wanted / ofTensor!;
        const allowed =
          as === 'f32'
            ? [wanted]
            : amaxBits(own) === 0
              ? [1]
              : [1 - DIVIDED, 1, 1 + DIVIDED].map((f) => roundTo('e4m3fn', ofBlock * f));
        expect(allowed, `block ${k}`).toContain(inverse);
        for (const [i, x] of own.entries()) {
          expectCode(codes[k * block + i]!, x, inverse * ofTensor!, as, `block ${k}`);
        }
      }
      if (as === 'e4m3') expect(Math.max(...inverses)).toBe(448);
    }),
);

/** Small whole numbers times scales of 2^-30 to 2^30, so that sums are exact wherever scales are applied, and none fits f16. */
function operand(run: KernelRun, name: string, rows: number, columns: number, per: 'row' | 'column') {
  return scaledMatrix(run, {
    ...{ name, format: 'e4m3fn', rows, columns },
    blockScales: per === 'row' ? { block: columns, as: 'e8m0' } : { columns, as: 'pow2' },
    numberAt: (at) => (randomBits(at, rows + columns) % 9) - 4,
    scaleAt: (row, column) => (per === 'row' ? row : column),
    exponentOf: (k) => (randomBits(k, 7) % 2 ? 30 : -30) + (randomBits(k, 8) % 3),
  });
}

const [M, N, K] = [68, 36, 96];

test.each(KERNELS)(
  '%s, subgroups %s: scales that are constant along the sum multiply it, to the bit',
  (kernel, subgroups) =>
    withKernelFixture(async (fixture) => {
      const dispatches = await expectExactProducts(fixture, [kernel, subgroups], [M, N, K], (run) => ({
        a: operand(run, 'a', M, K, 'row'),
        aT: operand(run, 'aT', K, M, 'column'),
        b: operand(run, 'b', K, N, 'column'),
        bT: operand(run, 'bT', N, K, 'row'),
      }));
      for (const { variant } of dispatches) {
        // The matrices are of f16, which no scaled value fits: they get codes.
        expect(variant.kernel === 'matmul_matrix').toBe(kernel === 'matrix');
        expect([variant.slots.a, variant.slots.b].join()).toMatch(/^e4m3fn\/outer:\w+,e4m3fn\/outer:\w+$/);
      }
    }),
);

test('matrix units for f16 get no operand whose scales vary along the sum', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const target = { ...targetOf(fixture, 'packed', true), matrixShapes: [EMULATED] };
    const found = run.found();
    const a = operand(run, 'a', K, M, 'row');
    const b = operand(run, 'b', N, K, 'column');
    const out = run.output('out', 'f32', M * N);
    const dispatched = matmul(target, {
      ...{ label: 'x', a: a.tensor, b: b.tensor, out, m: M, n: N, k: K, found },
      aTransposed: true,
      bTransposed: true,
    });
    expect(dispatched.variant.kernel).toBe('matmul_register');
    expect(dispatched.variant.slots).toMatchObject({ a: `e4m3fn/${M}:e8m0`, b: `e4m3fn/columns${K}:pow2` });
  }));
