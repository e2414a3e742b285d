/** Tensors whose blocks have scales behind their elements, against scalar references: codes, scales and values to the bit. */
import { expect, test } from 'vitest';
import { byteLength, byteRange, slice, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { quantizeBlocks } from '../../../src/engine/kernels/quantizeBlocks.ts';
import { encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { currentScale, quantized } from '../../../src/engine/reference/tensorScale.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { inversesOf, scaledInput } from './scaledInputs.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const FORMATS = ['e4m3fn', 'e5m2'] as const;

/** `count` blocks of `width`. */
function valuesOf(count: number, width: number): number[] {
  return Array.from({ length: count * width }, (_, at) => scaledInput(Math.floor(at / width), at % width));
}

const same = (actual: number, wanted: number) =>
  Object.is(actual, wanted) || (Number.isNaN(actual) && Number.isNaN(wanted));

/**
 * Groups of 16; one vector; blocks of vectors that are no power of two, and that leave lanes without work; of as many as share a
 * block's lanes, and of more: rows. Counts that leave a workgroup and a word of scales unfilled.
 */
const CASES = [
  { width: 16, count: 8 + 75 },
  { width: 4, count: 133 },
  { width: 12, count: 21 },
  { width: 32, count: 17 },
  { width: 64, count: 9 },
  { width: 100, count: 10 },
  { width: 768, count: 11 },
  { width: 2052, count: 9 },
] as const;

test.each(FORMATS)('%s: every block at a scale of its own, as one byte or one word', (format) =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', false);
    const run = new KernelRun(fixture);
    const cases = CASES.flatMap((one) => (['e8m0', 'pow2'] as const).map((as) => ({ ...one, as }))).map(
      ({ width, count, as }) => {
        const name = `${count} blocks of ${width}, ${as}`;
        const elements = count * width;
        const values = valuesOf(count, width);
        const inp = run.codes(`${name} inp`, 'f32', values.map(f32Bits));
        const tensor = run.output(`${name} out`, format, elements, { block: width, as });
        const out = slice(tensor, 0, elements);
        const back = run.output(`${name} back`, 'f32', elements);
        const operations = [
          ...quantizeBlocks(target, { label: name, inp, out, elements }),
          // Reads what was stored as all kernels do.
          convertFormat(target, { label: `${name} read`, inp: out, out: back, elements }),
        ];
        return { name, width, count, as, values, tensor, out, back, operations };
      },
    );
    await run.run(cases.flatMap(({ operations }) => operations));
    for (const { name, width, count, as, values, tensor, out, back } of cases) {
      const inverses = inversesOf(run.bytesOf(tensor), byteRange(out), count, as);
      const codes = run.codesOf(tensor);
      const read = new Float32Array(run.bytesOf(back));
      for (const [block, inverse] of inverses.entries()) {
        const at = block * width;
        const own = values.slice(at, at + width);
        const scale = currentScale(own, format);
        const title = `${name}, block ${block}`;
        expect(1 / inverse, title).toBe(scale);
        const wanted = own.map((x) => encodeBits(format, f32Bits(Math.fround(x * scale))));
        expect([...codes.subarray(at, at + width)], title).toEqual(wanted);
        const kept = quantized(own, format, scale);
        expect(
          [...kept].findIndex((x, i) => !same(read[at + i]!, x)),
          title,
        ).toBe(-1);
      }
    }
  }),
);

test('parts of a tensor are stored and read each by itself, in any order', () =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', false);
    const run = new KernelRun(fixture);
    const width = 36;
    const part = 5 * width;
    // The last has two rows, and its scales behind them.
    const elements = 2 * part + 2 * width;
    const blockScales = { block: width, as: 'e8m0', part } as const;
    const tensor: Tensor = { name: 'out', type: 'e4m3fn', elements, blockScales };
    run.stored(tensor, new Uint8Array(byteLength(tensor)).fill(0xff));
    const values = valuesOf(elements / width, width);
    const parts = [part, 0, 2 * part].map((first) => {
      const count = Math.min(part, elements - first);
      const own = values.slice(first, first + count);
      const inp = run.codes(`inp from ${first}`, 'f32', own.map(f32Bits));
      const back = run.output(`back from ${first}`, 'f32', count);
      return { first, count, own, inp, back, out: slice(tensor, first, count) };
    });
    await run.run([
      ...parts.flatMap(({ inp, out, count, first }) =>
        quantizeBlocks(target, { label: `part from ${first}`, inp, out, elements: count }),
      ),
      ...parts.map(({ out, back, count, first }) =>
        convertFormat(target, { label: `read from ${first}`, inp: out, out: back, elements: count }),
      ),
    ]);
    for (const { first, count, own, back } of parts) {
      const read = run.read(back);
      for (let at = 0; at < count; at += width) {
        const row = own.slice(at, at + width);
        const kept = quantized(row, 'e4m3fn', currentScale(row, 'e4m3fn'));
        expect(
          [...kept].findIndex((x, i) => !same(read[at + i]!, x)),
          `row from ${first + at}`,
        ).toBe(-1);
      }
    }
  }));
