/** Where sums leave the range of what they are stored in, and where they must not. */
import { describe, expect, test } from 'vitest';
import { matmul } from '../../../src/engine/kernels/matmul.ts';
import { layernormForward } from '../../../src/engine/kernels/rows.ts';
import { type FormatId, formatInfo } from '../../../src/engine/precision/formats.ts';
import { decodeBits, encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { attentionShapes, checkAttention } from './attentionCase.ts';
import { F16_EDGES, picked } from './inputs.ts';
import { MATMUL_KINDS, planMatmul } from './matmulCase.ts';
import { storedMode } from './modes.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { WHOLE_FORMATS } from './wholeFormats.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

const kindOf = (name: string) => MATMUL_KINDS.find((kind) => kind.name === name)!;
const KERNELS = [
  { kernel: 'register32', subgroups: true },
  { kernel: 'register8', subgroups: false },
  { kernel: 'tiled', subgroups: false },
] as const;
/** f32 sums overflow in the sum itself: that is tested with the found flag. */
const STORED_FORMATS = WHOLE_FORMATS.filter(
  (format) => format !== 'f32' && !formatInfo(format).saturates,
).flatMap((format) =>
  (format.startsWith('f16') ? (['native', 'packed'] as const) : (['packed'] as const)).map((half) => ({
    format,
    half,
  })),
);
const FP16 = storedMode('fp16', 'native');

describe.each(KERNELS)('matmul, $kernel, subgroups $subgroups', ({ kernel, subgroups }) => {
  /** logits: f16 operands, f32 result. */
  async function logits(k: number, a: ArrayLike<number>, b: ArrayLike<number>): Promise<number[]> {
    return withKernelFixture(async (fixture) => {
      const run = new KernelRun(fixture);
      const target = targetOf(fixture, 'native', subgroups, kernel);
      const inp = run.input('a', 'f16', a);
      const weight = run.input(
        'b',
        'f16',
        Float64Array.from({ length: 4 * k }, (_, i) => b[i % k]!),
      );
      const out = run.output('out', 'f32', 4);
      const shape = { m: 1, n: 4, k, bTransposed: true };
      await run.run([
        matmul(target, { label: 'logits', a: inp, b: weight, out, found: run.found(), ...shape }),
      ]);
      return [...run.read(out)];
    });
  }

  test('sums in f32: f16 sums would stop at 1 and at 2048', async () => {
    const padded = (values: number[]) => [
      ...values,
      ...new Array<number>((4 - (values.length % 4)) % 4).fill(0),
    ];
    const small = padded([1, ...new Array<number>(4096).fill(2 ** -11)]);
    expect(await logits(small.length, small, new Array(small.length).fill(1))).toEqual([3, 3, 3, 3]);
    const ones = padded([2048, ...new Array<number>(2048).fill(1)]);
    expect(await logits(ones.length, ones, new Array(ones.length).fill(1))).toEqual([4096, 4096, 4096, 4096]);
  });

  test('a row of 300 times a column of 300 overflows f16 and not f32', () =>
    withKernelFixture(async (fixture) => {
      const k = 1024;
      const of300 = new Float64Array(4 * k).fill(300);
      for (const [mode, overflows] of [
        [FP16, true],
        [storedMode('fp32', 'native'), false],
        [storedMode('bf16', 'native'), false],
      ] as const) {
        const run = new KernelRun(fixture);
        const found = run.found();
        const target = targetOf(fixture, mode.half, subgroups, kernel);
        const shape = { m: 4, n: 4, k };
        const contents = { a: of300, b: of300 };
        const narrow = planMatmul(run, target, mode.recipe, kindOf('c_attn'), shape, found, contents);
        await run.run(narrow.dispatches);
        expect(run.overflow()).toBe(overflows ? narrow.dispatches[0]!.label : null);
        const wide = new KernelRun(fixture);
        const logitsPlan = planMatmul(
          wide,
          target,
          mode.recipe,
          kindOf('logits'),
          shape,
          wide.found(),
          contents,
        );
        await wide.run(logitsPlan.dispatches);
        expect(wide.overflow()).toBeNull();
        const comparisons = [...narrow.compare(), ...logitsPlan.compare()];
        expectWithin(`300 x 300 (${kernel}) ${mode.title}`, comparisons);
      }
    }));

  test.each(STORED_FORMATS)('the first sum that $format $half cannot hold, and the last it can', (stored) =>
    withKernelFixture(async (fixture) => {
      const { format, half } = stored;
      const target = targetOf(fixture, half, subgroups, kernel);
      const { overflowBits } = formatInfo(format);
      for (const [bits, overflows] of [
        [overflowBits - 1, false],
        [overflowBits, true],
      ] as const) {
        for (const sign of [1, -1]) {
          const value = sign * decodeBits('f32', bits);
          const run = new KernelRun(fixture);
          // A sum of one product by 1: exact on any adapter.
          const a = run.input('a', 'f32', [value, 0, 0, 0]);
          const b = run.input('b', 'f32', [1, ...new Array<number>(15).fill(0)]);
          const out = run.output('out', format, 4);
          const shape = { m: 1, n: 4, k: 4 };
          await run.run([matmul(target, { label: 'sum', a, b, out, found: run.found(), ...shape })]);
          expect(run.overflow()).toBe(overflows ? 'sum' : null);
          expect(run.codesOf(out)[0]).toBe(encodeBits(format, f32Bits(value)));
        }
      }
    }),
  );

  test('the edges of f16 as operands', () =>
    withKernelFixture(async (fixture) => {
      for (const mode of [FP16, storedMode('fp16', 'packed'), storedMode('fp16-noscale', 'native')]) {
        const run = new KernelRun(fixture);
        const target = targetOf(fixture, mode.half, subgroups, kernel);
        const shape = { m: 37, n: 36, k: 4 };
        const a = picked(shape.m * shape.k, 1, F16_EDGES);
        const plans = ['logits', 'c_attn'].map((name) => {
          // Whole edges times edges for the f32 result; for the f16 one factors that keep most results in range.
          const b = picked(
            shape.k * shape.n,
            2,
            name === 'logits' ? F16_EDGES : [0, 2 ** -10, -(2 ** -3), 0.25],
          );
          return planMatmul(run, target, mode.recipe, kindOf(name), shape, run.found(), { a, b });
        });
        await run.run(plans.flatMap(({ dispatches }) => dispatches));
        expectWithin(
          `f16 edges (${kernel}) ${mode.title}`,
          plans.flatMap((plan) => plan.compare()),
        );
      }
    }));
});

describe('the found flag', () => {
  /** Layer norm with weight `gain` puts values of about `gain` into `format`. */
  const run = (format: FormatId, gains: readonly number[]): Promise<string | null> =>
    withKernelFixture(async (fixture) => {
      const kernelRun = new KernelRun(fixture);
      const found = kernelRun.found();
      const target = targetOf(fixture, 'native', true);
      const [rows, width] = [3, 20];
      const inp = kernelRun.input('inp', 'f32', picked(rows * width, 1, [-1, 1]));
      await kernelRun.run(
        gains.map((gain, i) =>
          layernormForward(target, {
            label: `layer ${i}`,
            inp,
            weight: kernelRun.input('weight', 'f32', new Float64Array(width).fill(gain)),
            bias: kernelRun.input('bias', 'f32', new Float64Array(width)),
            epsilon: 1e-5,
            out: kernelRun.output('out', format, rows * width),
            stats: kernelRun.output('stats', 'f32', rows * 2),
            rows,
            width,
            found,
          }),
        ),
      );
      return kernelRun.overflow();
    });

  test.each(['f16', 'f16-flush'] as const)(
    'names the first of several stores that overflow %s',
    async (format) => {
      expect(await run(format, [1, 1e6, 3, 1e7])).toBe('layer 1');
      expect(await run(format, [1e6, 1, 1, 1])).toBe('layer 0');
      expect(await run(format, [1, 2, 3, 4])).toBeNull();
    },
  );

  test('stays clear for the same values in formats that have the range of f32 or saturate', async () => {
    for (const format of ['f32', 'tf32', 'bf16', 'e4m3fn', 'e5m2'] as const)
      expect(await run(format, [1, 1e6, 1e30])).toBeNull();
  });

  test('is set by what overflows f32 itself, in every format', async () => {
    for (const format of WHOLE_FORMATS) {
      expect(await run(format, [1, 3.4e38])).toBe('layer 1');
    }
  });
});

test('attention reports an output gradient that overflows f16', () =>
  withKernelFixture(async (fixture) => {
    await expect(
      checkAttention(
        fixture,
        targetOf(fixture, 'native', true),
        { format: 'f16', gradient: 3e4 },
        attentionShapes(32),
      ),
    ).rejects.toThrow(/reported an overflow/);
  }));
