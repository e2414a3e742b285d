/** Scales of blocks along rows or columns and of squares, with their rules and both levels, against the scalar reference; and matmuls that read them. */
import { expect, test } from 'vitest';
import { normalAt, randomBits, streamOf } from '../../../src/engine/core/rng.ts';
import { slice, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import { windowElements, windowWords } from '../../../src/engine/kernels/attentionOptions.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { quantizeBlocks } from '../../../src/engine/kernels/quantizeBlocks.ts';
import { type FormatId, largestFinite } from '../../../src/engine/precision/formats.ts';
import { blockScale, SCALE_RULES, type ScaleRule } from '../../../src/engine/precision/storage.ts';
import {
  type BlockFormat,
  storedInBlocks,
  transformedRows,
  windowBits,
} from '../../../src/engine/reference/blockScales.ts';
import { f32Bits } from '../../../src/engine/reference/rounding.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { expectExactProducts, KERNELS, scaledMatrix } from './scaledProducts.ts';
import { withKernelFixture } from './withKernelFixture.ts';

/** Blocks of many sizes of values, all zeros, tiny ones, and in a matrix without a tensor scale infinity and NaN. */
function valueAt(row: number, column: number, withoutGaps: boolean): number {
  const group = Math.floor(row / 16) * 7 + Math.floor(column / 16);
  if (group === 3) return 0;
  if (group === 4) return 1e-20 * (1 + (column % 3));
  if (!withoutGaps && group === 8 && column % 16 === 5)
    return row % 2 ? Number.NaN : Number.POSITIVE_INFINITY;
  const size = 2 ** ((randomBits(group, 4) % 12) - 6);
  return Math.fround(normalAt(row * 512 + column, 3) * size);
}

interface Case {
  readonly format: FormatId;
  /** What a scale is shared by, as storages name it. */
  readonly per: { readonly contraction: number } | { readonly square: number };
  readonly along: 'rows' | 'columns';
  readonly scale: BlockFormat['scale'];
  readonly transform?: boolean;
  readonly stochastic?: boolean;
}

const mx = (format: FormatId, length: number, along: Case['along'], rule: ScaleRule | null): Case => ({
  ...{ format, along, per: { contraction: length } },
  scale: { as: 'e8m0', rule },
});
const TWO_LEVELS = { format: 'e2m1fn', scale: { as: 'e4m3' } } as const;
const CASES: readonly Case[] = [
  ...SCALE_RULES.flatMap((rule) => [mx('e2m1fn', 32, 'rows', rule), mx('e4m3fn', 32, 'columns', rule)]),
  mx('e4m3fn', 32, 'rows', 'rceil'),
  mx('e2m1fn', 32, 'columns', 'even'),
  mx('e4m3fn', 128, 'columns', null),
  { format: 'e4m3fn', along: 'rows', per: { square: 32 }, scale: { as: 'e8m0', rule: null } },
  { ...TWO_LEVELS, along: 'rows', per: { contraction: 16 } },
  { ...TWO_LEVELS, along: 'columns', per: { contraction: 16 } },
  { ...TWO_LEVELS, along: 'rows', per: { square: 16 } },
  { ...TWO_LEVELS, along: 'columns', per: { contraction: 16 }, transform: true },
  { ...TWO_LEVELS, along: 'rows', per: { contraction: 16 }, stochastic: true },
  { ...TWO_LEVELS, along: 'columns', per: { contraction: 16 }, transform: true, stochastic: true },
];

/** Rows of three windows of 13; columns that end with a shorter block, fewer than a block, and whole ones. */
const ROWS = 39;
const CONTEXT = 13;
const WINDOWS = [5, 9, 2].map((index) => ({ seed: 1234, index }));

test.each([40, 24, 128])(
  'every block of a matrix of %d columns is stored as the reference stores it',
  (width) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, 'packed', false);
      const run = new KernelRun(fixture);
      const table = windowWords(WINDOWS, { context: CONTEXT, keys: CONTEXT });
      expect(table.length).toBe(windowElements(WINDOWS.length, CONTEXT));
      const windows = run.codes('windows', 'u32', table);
      const cases = CASES.map((one, i) => {
        const { format, per, along, scale, transform = false, stochastic = false } = one;
        const isTwoLevel = scale.as === 'e4m3';
        const name = `${i}: ${JSON.stringify(one)}`;
        const values = Float64Array.from({ length: ROWS * width }, (_, at) =>
          valueAt(Math.floor(at / width), at % width, isTwoLevel || scale.rule === null),
        );
        const inp = run.codes(`${name} inp`, 'f32', Array.from(values, f32Bits));
        const elements = (transform ? Math.ceil(ROWS / 16) * 16 : ROWS) * width;
        const scales = [{ per, as: scale.as, when: 'current' }] as const;
        const tensor = run.output(name, format, elements, blockScale({ format, scales }, width, along));
        const largest = f32Bits(448 * largestFinite(format));
        const records = run.codes(`${name} scales`, 'u32', [0x3f800000, 0x3f800000, largest, 0]);
        const amax = run.zeros(`${name} amax`, 'u32', 1);
        const ofTensor = { tensor: records, record: 0, as: 'f32' } as const;
        const out = { ...slice(tensor, 0, elements), ...(isTwoLevel && { scale: ofTensor }) };
        const back = run.output(`${name} back`, 'f32', elements);
        const stream = streamOf(name);
        const random = { windows, context: CONTEXT, windowCount: WINDOWS.length, stream };
        const operations = [
          ...quantizeBlocks(target, {
            ...{ label: name, inp, out, elements: ROWS * width, amax, scales: records },
            rounding: { rule: scale.as === 'e8m0' ? scale.rule : null, transform },
            ...(stochastic && { random }),
          }),
          convertFormat(target, {
            label: `${name} read`,
            inp: slice(tensor, 0, elements),
            out: back,
            elements,
          }),
        ];
        const length = 'square' in per ? per.square : per.contraction;
        const isSquare = 'square' in per;
        const shape = {
          rows: isSquare || along === 'columns' ? length : 1,
          columns: isSquare || along === 'rows' ? length : 1,
        };
        const wanted = storedInBlocks(
          transform ? transformedRows(values, width) : values,
          width,
          { format, scale, ...shape },
          stochastic ? windowBits(WINDOWS, CONTEXT, width, stream) : undefined,
        );
        return { name, isTwoLevel, transform, records, back, wanted, operations };
      });
      await run.run(cases.flatMap(({ operations }) => operations));
      for (const { name, isTwoLevel, transform, records, back, wanted } of cases) {
        const [, ofTensor] = new Float32Array(run.bytesOf(records));
        const read = new Float32Array(run.bytesOf(back));
        let others = 0;
        for (const [i, own] of wanted.values.entries()) {
          const got = isTwoLevel ? Math.fround(read[i]! * ofTensor!) : read[i]!;
          if (Number.isNaN(own)) {
            expect(Number.isFinite(got), `${name}, element ${i}`).toBe(false);
            continue;
          }
          // Powers of two are exact. E4M3 scales follow from a division, and transformed values from sums in f32: a few values lie
          // so near to the middle of two codes that they may be rounded to the other one, at most 2 steps of 1 away.
          if (!isTwoLevel) expect(got, `${name}, element ${i}`).toBe(own);
          else if (Math.abs(got - own) > 1e-6 * Math.abs(own)) {
            others++;
            expect(Math.abs(got - own), `${name}, element ${i}`).toBeLessThanOrEqual(
              2.001 * wanted.inverses[i]! + (transform ? 1e-6 : 0),
            );
          }
        }
        console.log(`${name}, ${width} columns: ${others} of ${wanted.values.length} at the other neighbour`);
        expect(others, name).toBeLessThanOrEqual(wanted.values.length / 200);
      }
    }),
);

test('infinity and NaN in a tensor with two levels of scales make all of it NaN', () =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', false);
    const run = new KernelRun(fixture);
    const inp = run.codes(
      'inp',
      'f32',
      Array.from({ length: 64 }, (_, i) => f32Bits(i === 40 ? Number.NaN : i)),
    );
    const tensor = run.output('out', 'e2m1fn', 64, { block: 16, as: 'e4m3' });
    const scales = run.codes('scales', 'u32', [0x3f800000, 0x3f800000, f32Bits(448 * 6), 0]);
    const amax = run.zeros('amax', 'u32', 1);
    const out = { ...slice(tensor, 0, 64), scale: { tensor: scales, record: 0, as: 'f32' } } as const;
    await run.run(quantizeBlocks(target, { label: 'x', inp, out, elements: 64, amax, scales }));
    expect(new Float32Array(run.bytesOf(scales))[1]).toBeNaN();
  }));

test.each([
  [
    { block: 12, as: 'e8m0' },
    48,
    /48 elements cannot be stored in blocks of 12: .* a multiple of 8 elements/,
  ],
  [
    { tile: { rows: 16, columns: 1, width: 20 }, as: 'e8m0' },
    40,
    /40 elements cannot be stored in rows of 20: .* a multiple of 8 elements/,
  ],
] as const)('rows whose words would be shared are refused: %o', (blockScales, elements, message) => {
  const out: Tensor = { name: 'x', type: 'e2m1fn', elements, blockScales };
  const target = { half: 'packed', lanes: 64 } as Parameters<typeof quantizeBlocks>[0];
  expect(() => quantizeBlocks(target, { label: 'x', inp: out, out, elements })).toThrow(message);
});

/** Small whole numbers times scales of 2^-2 to 2^2: sums of 72 are exact in f32. */
function operand(
  run: KernelRun,
  name: string,
  rows: number,
  columns: number,
  tile: { rows: number; columns: number },
) {
  const tilesInRow = Math.ceil(columns / tile.columns);
  return scaledMatrix(run, {
    ...{ name, format: 'e2m1fn', rows, columns },
    blockScales: { tile: { ...tile, width: columns }, as: 'e8m0' },
    numberAt: (at) => [-2, -1, 0, 1, 2, 3][randomBits(at, columns) % 6]!,
    scaleAt: (row, column) => Math.floor(row / tile.rows) * tilesInRow + Math.floor(column / tile.columns),
    exponentOf: (k) => (randomBits(k, rows) % 5) - 2,
  });
}

const [M, N, K] = [72, 40, 72];

test.each(KERNELS)(
  '%s, subgroups %s: matmuls read blocks along their sums and squares in all layouts, to the bit',
  (kernel, subgroups) =>
    withKernelFixture(async (fixture) => {
      await expectExactProducts(fixture, [kernel, subgroups], [M, N, K], (run) => ({
        a: operand(run, 'a', M, K, { rows: 1, columns: 32 }),
        aT: operand(run, 'aT', K, M, { rows: 32, columns: 1 }),
        b: operand(run, 'b', K, N, { rows: 32, columns: 1 }),
        bT: operand(run, 'bT', N, K, { rows: 16, columns: 16 }),
      }));
    }),
);
