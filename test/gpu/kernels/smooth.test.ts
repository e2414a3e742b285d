/** Smooth-SwiGLU: scales of tokens and channels to the bit, and a planted channel that saturates without them. */
import { expect, test } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';
import type { Operation } from '../../../src/engine/gpu/operation.ts';
import { type BlockScales, slice } from '../../../src/engine/gpu/tensor.ts';
import { gatedForward } from '../../../src/engine/kernels/activation.ts';
import { quantizeCurrent, quantizeDelayed } from '../../../src/engine/kernels/quantize.ts';
import { smoothScales as storeScales } from '../../../src/engine/kernels/smoothScales.ts';
import { largestBits } from '../../../src/engine/precision/quantization.ts';
import { type SmoothSwiglu, smoothScales } from '../../../src/engine/precision/smoothSwiglu.ts';
import { decodeBits, f32Bits, roundTo } from '../../../src/engine/reference/rounding.ts';
import { smoothFactors } from '../../../src/engine/reference/smooth.ts';
import { amaxBits, scaleFor } from '../../../src/engine/reference/tensorScale.ts';
import { type KernelFixture, KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

/** Rows are no multiple of four, and a row has more vectors than a workgroup has lanes. */
const ROWS = 10;
const HIDDEN = 272;

interface Product {
  /** Codes of the product, and the f32 that they stand for. */
  readonly codes: Uint8Array;
  readonly values: Float64Array;
  /** bf16, as it was quantised. */
  readonly product: Float64Array;
  readonly scale: number;
}

/** Quantises silu(gate) up. @param scale of the tensor; null for a current one */
async function quantized(
  fixture: KernelFixture,
  pre: Float64Array,
  smooth: SmoothSwiglu,
  scale: number | null,
): Promise<Product> {
  const run = new KernelRun(fixture);
  const target = targetOf(fixture, 'packed', false);
  const elements = ROWS * HIDDEN;
  const preActivation = run.input('pre', 'bf16', pre);
  const wide = run.output('wide', 'bf16', elements);
  const given = smoothScales(smooth, HIDDEN);
  const tensor = run.output('product', 'e4m3fn', elements, given as BlockScales | undefined);
  const record = [f32Bits(scale ?? 1), f32Bits(1 / (scale ?? 1)), largestBits('e4m3fn'), 0];
  const scales = run.codes('scales', 'u32', record);
  const amax = run.zeros('amax', 'u32', 1);
  const out = { ...slice(tensor, 0, elements), scale: { tensor: scales, record: 0 } };
  const shape = { rows: ROWS, width: HIDDEN };
  const quantize = scale === null ? quantizeCurrent : quantizeDelayed;
  const operations: Operation[] = [
    ...(given ? [storeScales(target, { preActivation, out, ...shape, label: 'scales' })] : []),
    gatedForward(target, { kind: 'silu', preActivation, out: wide, ...shape, label: 'product' }),
    ...quantize(target, { label: 'product', inp: wide, out, amax, scales, elements }),
  ];
  await run.run(operations);
  const codes = new Uint8Array(run.bytesOf(tensor)).slice(0, elements);
  const used = new Float32Array(run.bytesOf(scales))[0]!;
  const factors = smoothFactors(run.values(preActivation), ROWS, smooth);
  const values = Float64Array.from(
    codes,
    (code, i) => (decodeBits('e4m3fn', code) / used) * (factors[i] ?? 1),
  );
  return { codes, values, product: run.read(wide).slice(0, elements), scale: used };
}

const usual = (i: number) => 2 * normalAt(i, 5);

test.each(['token', 'channel'] as const)(
  '%s: codes and the scale of the tensor follow from the oracle',
  (smooth) =>
    withKernelFixture(async (fixture) => {
      const pre = Float64Array.from({ length: 2 * ROWS * HIDDEN }, (_, i) => {
        // A row and a channel whose linear branch is zero, and powers of two, which are their own scale.
        const [row, column] = [Math.floor(i / (2 * HIDDEN)), i % (2 * HIDDEN)];
        if (column >= HIDDEN && (row === 3 || column === HIDDEN + 7)) return 0;
        return column === HIDDEN + 9 ? 2 ** (row - 5) : usual(i);
      });
      const { codes, product, scale } = await quantized(fixture, pre, smooth, null);
      const rounded = pre.map((x) => roundTo('bf16', x));
      const factors = smoothFactors(rounded, ROWS, smooth);
      const smoothed = product.map((z, i) => z / factors[i]!);
      // Nothing is rounded but by the format: the product comes back to the bit without it.
      expect(smoothed.map((z, i) => Math.fround(z) * factors[i]!)).toEqual(product);
      expect(scale).toBe(scaleFor(amaxBits(smoothed), 'e4m3fn', 1));
      expect(Array.from(codes, (code) => decodeBits('e4m3fn', code))).toEqual(
        Array.from(smoothed, (z) => roundTo('e4m3fn', z * scale)),
      );
    }),
);

// Gate and linear branch are aligned in one channel and six times as large: their product is quadratic in the input. The scale is
// that of earlier steps, without the outlier, with room for sixteen times as much.
test('a channel whose branches align saturates under delayed scales, and not where it is smoothed', () =>
  withKernelFixture(async (fixture) => {
    const inputs = Float64Array.from({ length: 2 * ROWS * HIDDEN }, (_, i) =>
      Math.max(-3, Math.min(3, usual(i) / 2)),
    );
    const planted = inputs.map((x, i) => {
      const column = i % (2 * HIDDEN);
      const gate = i - column;
      return column % HIDDEN === 0 ? 16 * Math.sign(inputs[gate]!) : x;
    });
    const counts: Record<string, number> = {};
    for (const smooth of ['off', 'token', 'channel'] as const) {
      const before = await quantized(fixture, inputs, smooth, null);
      const { codes, product } = await quantized(fixture, planted, smooth, before.scale / 16);
      expect(Math.max(...product.map(Math.abs))).toBeGreaterThan(200);
      const factors = smoothFactors(planted, ROWS, smooth);
      const limit = 448 * 1.0625;
      const beyond = product.map((z, i) => Math.abs((z / (factors[i] ?? 1)) * (before.scale / 16)));
      counts[smooth] = beyond.filter((x) => x > limit).length;
      expect(codes.filter((code) => (code & 0x7f) === 0x7e).length).toBeGreaterThanOrEqual(counts[smooth]!);
    }
    console.log(`saturated: ${JSON.stringify(counts)}`);
    expect(counts).toEqual({ off: expect.any(Number), token: 0, channel: 0 });
    expect(counts.off).toBeGreaterThan(0);
  }));
