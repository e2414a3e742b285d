/** 8-bit integers: codes under scales of amax / 127, and products whose sums are exact, compared with == where scales are 1. */
import { describe, expect, test } from 'vitest';
import { randomBits } from '../../../src/engine/core/rng.ts';
import {
  type BlockScales,
  byteLength,
  byteRange,
  slice,
  type Tensor,
} from '../../../src/engine/gpu/tensor.ts';
import { packedFault } from '../../../src/engine/kernels/kernelFamilies.ts';
import { matmul } from '../../../src/engine/kernels/matmul.ts';
import {
  columnScratch,
  quantizeBlocks,
  quantizeColumns,
  quantizeCurrent,
} from '../../../src/engine/kernels/quantize.ts';
import { largestBits } from '../../../src/engine/precision/quantization.ts';
import { encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { amaxBits, inverseFor } from '../../../src/engine/reference/tensorScale.ts';
import { checkProducts, codedInput, exactProduct, type IntegerForm, integerTarget } from './integerCase.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { inversesOf, scaledInput } from './scaledInputs.ts';
import { withKernelFixture } from './withKernelFixture.ts';

/** A reciprocal within 2.5 units in the last place, as WGSL allows, and a rounded product. */
const DIVIDED = 2 ** -21;

/** Codes that x / inverse may have: one where the inverse is 1, and two where the division's error spans a tie. */
function codesOf(x: number, inverse: number): number[] {
  const error = inverse === 1 ? 0 : DIVIDED;
  const quotient = Math.fround(x / inverse);
  return [1 - error, 1, 1 + error].map((f) => encodeBits('i8', f32Bits(quotient * f)));
}

/** Zeros, ties, infinities, NaN and tiny values, then usual ones: rows 8 and 9 have a scale of exactly 1. */
function valueAt(row: number, i: number): number {
  if (row === 8) return [127, -127, 0.5, 1.5, 2.5, -0.5, -1.5, -126.5][i % 8]!;
  if (row === 9) return [-127, 126.5, 125.5, 63.5, 64.5, 0.49999997, -64.5, 3.4999998][i % 8]!;
  return scaledInput(row, i);
}

describe('codes', () => {
  test.each(['rows', 'columns', 'tensor'] as const)('of %s', (per) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, 'packed', false);
      const run = new KernelRun(fixture);
      const [groups, length] = per === 'tensor' ? [1, 60] : [36, 44];
      const elements = groups * length;
      const at = (group: number, i: number) => (per === 'columns' ? i * groups + group : group * length + i);
      const values = new Array<number>(elements);
      for (let g = 0; g < groups; g++) {
        for (let i = 0; i < length; i++) values[at(g, i)] = valueAt(per === 'tensor' ? 20 : g, i);
      }
      const scales: BlockScales | undefined = {
        rows: { block: length, as: 'f32' } as const,
        columns: { columns: groups, as: 'f32' } as const,
        tensor: undefined,
      }[per];
      const inp = run.codes('inp', 'f32', values.map(f32Bits));
      const tensor = run.output('out', 'i8', elements, scales);
      const records = run.codes('scales', 'u32', [0x3f800000, 0x3f800000, largestBits('i8'), 0]);
      const amax = run.zeros('amax', 'u32', 1);
      const whole = slice(tensor, 0, elements);
      const out = scales ? whole : { ...whole, scale: { tensor: records, record: 0, as: 'f32' as const } };
      const args = { label: per, inp, out, elements };
      const partials = run.output('partials', 'f32', Math.max(4, columnScratch(out, elements)));
      await run.run(
        per === 'rows'
          ? quantizeBlocks(target, args)
          : per === 'columns'
            ? quantizeColumns(target, { ...args, partials })
            : quantizeCurrent(target, { ...args, amax, scales: records }),
      );
      const inverses = scales
        ? inversesOf(run.bytesOf(tensor), byteRange(out), groups, 'f32')
        : [new Float32Array(run.bytesOf(records))[1]!];
      const codes = run.codesOf(tensor);
      for (const [group, inverse] of inverses.entries()) {
        const own = Array.from({ length }, (_, i) => values[at(group, i)]!);
        expect(inverse, `group ${group}`).toBe(inverseFor(amaxBits(own), 127));
        if (per !== 'tensor' && (group === 8 || group === 9)) expect(inverse).toBe(1);
        for (const [i, x] of own.entries()) {
          const code = codes[at(group, i)]!;
          expect(codesOf(x, inverse), `group ${group}: ${x} / ${inverse}`).toContain(code);
          expect(code, 'codes are symmetric').not.toBe(0x80);
        }
      }
    }),
  );
});

describe('sums of equal codes are equal', () => {
  test.each<[IntegerForm, boolean, string]>([
    ['register32', true, 'matmul_register'],
    ['register8', false, 'matmul_register'],
    ['tiled64', false, 'matmul_tiled'],
    ['tiled128', false, 'matmul_tiled'],
    ['packed', false, 'matmul_packed'],
    ['packed128', false, 'matmul_packed'],
  ])('%s, subgroups %s', (kernel, subgroups, name) =>
    withKernelFixture(async (fixture) => {
      const { kernels } = await checkProducts(fixture, integerTarget(fixture, kernel, subgroups));
      expect([...kernels]).toEqual([name]);
    }),
  );

  test.each([false, true])('of one row, on a GPU %s', (splitSums) =>
    withKernelFixture(async (fixture) => {
      const target = { ...integerTarget(fixture, 'packed', true), splitSums };
      const cases = [
        { m: 1, n: 140, k: 300 },
        { m: 1, n: 12, k: 2052, a: 127, b: 127 },
      ].flatMap((one) => [one, { ...one, bTransposed: true }]);
      const { kernels } = await checkProducts(fixture, target, cases);
      expect([...kernels]).toEqual(['matmul_vector']);
    }),
  );
});

test.each<[IntegerForm, boolean]>([
  ['register32', true],
  ['packed', false],
])('%s multiplies the sum by the scales of rows, columns and tensors', (kernel, subgroups) =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const found = run.found();
    const [m, n, k] = [36, 20, 1200];
    const scaled = (name: string, rows: number, columns: number, blockScales: BlockScales) => {
      const tensor: Tensor = { name, type: 'i8', elements: rows * columns, blockScales };
      const bytes = new Uint8Array(byteLength(tensor));
      const values = Int32Array.from(
        { length: rows * columns },
        (_, i) => (randomBits(i, columns) % 255) - 127,
      );
      bytes.set(Uint8Array.from(values, (x) => x & 0xff));
      const words = new Float32Array(bytes.buffer);
      const count = blockScales.columns ?? rows;
      const inverses = Float32Array.from(
        { length: count },
        (_, i) => (1 + (randomBits(i, 5) % 1000) / 997) * 2 ** ((i % 9) - 12),
      );
      for (const [i, inverse] of inverses.entries()) words[words.length - 1 - i] = inverse;
      run.stored(tensor, bytes);
      return { tensor, values, inverses };
    };
    const a = scaled('a', m, k, { block: k, as: 'f32' });
    const b = scaled('b', k, n, { columns: n, as: 'f32' });
    const whole = codedInput(run, 'whole', k * n, 'random');
    const inverse = Math.fround(0.3 / 127);
    const records = run.codes(
      'scales',
      'u32',
      [1, 1, 0, 0, 1 / inverse, inverse, 0, 0].map((x, i) => (i % 4 < 2 ? f32Bits(x) : 0)),
    );
    const ofTensor = {
      ...slice(whole.tensor, 0, k * n),
      scale: { tensor: records, record: 1, as: 'f32' as const },
    };
    const outs = [run.output('by column', 'f32', m * n), run.output('by tensor', 'f32', m * n)];
    const target = integerTarget(fixture, kernel, subgroups);
    const dispatches = [b.tensor, ofTensor].map((right, i) =>
      matmul(target, { label: `${i}`, a: a.tensor, b: right, out: outs[i]!, m, n, k, found }),
    );
    await run.run(dispatches);
    const sums = [b.values, whole.values].map((values) => exactProduct(a.values, values, { m, n, k }));
    for (const [i, out] of outs.entries()) {
      const read = run.read(out);
      for (let at = 0; at < m * n; at++) {
        const [row, column] = [Math.floor(at / n), at % n];
        const exact = sums[i]![at]! * a.inverses[row]! * (i === 0 ? b.inverses[column]! : inverse);
        // Two products, each rounded once.
        expect(Math.abs(read[at]! - exact), `${i} ${row} ${column}`).toBeLessThanOrEqual(
          Math.abs(exact) * 3 * 2 ** -24,
        );
      }
    }
    expect(run.overflow()).toBeNull();
  }),
);

test('packed products pass their self-test here, and are not used where WGSL lacks them', () =>
  withKernelFixture(async ({ device, pipelines, report }) => {
    const of = (packedProducts: boolean) =>
      packedFault({ device, pipelines, report: { ...report, packedProducts } });
    expect(await of(true)).toBeNull();
    expect(await of(false)).toBe('WGSL has no dot4I8Packed there');
  }));
