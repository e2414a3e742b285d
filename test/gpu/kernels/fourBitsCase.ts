/** Every code of E2M1 through encoder and decoder, in blocks with scales as every tensor of four bits has them. Works in Node and in a page. */
import { randomBits } from '../../../src/engine/core/rng.ts';
import { byteLength, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { quantizeBlocks } from '../../../src/engine/kernels/quantizeBlocks.ts';
import { decodeBits, encodeBits, f32Bits, fromF32Bits } from '../../../src/engine/reference/rounding.ts';
import type { CodeCheck } from './encodeCase.ts';
import { type KernelFixture, KernelRun, targetOf } from './runKernel.ts';
import { putInverse } from './scaledInputs.ts';

/** Elements of a block, of which the first decides the scale. */
const BLOCK = 32;

/** Values, midpoints and the f32 beside them, tiny and large ones, and at random; both signs; no f32 subnormals, which adapters may flush. */
function inputs(): number[] {
  const words = [0, 0x00800000, 0x3e800000, 0x41000000 - 1, f32Bits(0.1), f32Bits(1 / 3)];
  for (let code = 0; code < 8; code++) {
    const low = decodeBits('e2m1fn', code);
    const high = code === 7 ? 8 : decodeBits('e2m1fn', code + 1);
    for (const bits of [f32Bits(low), f32Bits((low + high) / 2)]) words.push(bits - 1, bits, bits + 1);
  }
  for (let i = 0; i < 4000; i++) words.push(f32Bits(2 ** ((randomBits(i, 12) % 160) / 16 - 7)));
  return words
    .filter((bits) => bits >= 0x00800000 || bits === 0)
    .flatMap((bits) => [bits, (bits | 0x80000000) >>> 0]);
}

/** f32 below 8 to E2M1 at a scale of 1. */
export async function checkFourBitEncoder(fixture: KernelFixture): Promise<CodeCheck> {
  const words = inputs();
  const all: number[] = [];
  // The largest magnitude of each block lies between 4 and 8, for which the rule `floor` has a scale of 1.
  for (let at = 0; at < words.length; at += BLOCK - 1) {
    const own = words.slice(at, at + BLOCK - 1);
    all.push(f32Bits(4), ...own, ...Array<number>(BLOCK - 1 - own.length).fill(0));
  }
  const run = new KernelRun(fixture);
  const inp = run.codes('inp', 'f32', all);
  const out = run.output('out', 'e2m1fn', all.length, { block: BLOCK, as: 'e8m0' });
  const target = targetOf(fixture, 'packed', false);
  const rounding = { rule: 'floor', transform: false } as const;
  await run.run(
    quantizeBlocks(target, {
      label: 'encode',
      inp,
      out: { tensor: out, offset: 0, elements: all.length },
      elements: all.length,
      rounding,
    }),
  );
  const bytes = new Uint8Array(run.bytesOf(out));
  const wrong: string[] = [];
  for (const [i, word] of all.entries()) {
    const code = (bytes[i >> 1]! >> (4 * (i & 1))) & 15;
    const wanted = encodeBits('e2m1fn', word);
    if (code !== wanted && wrong.length < 5) wrong.push(`${fromF32Bits(word)}: ${code} instead of ${wanted}`);
  }
  return { codes: all.length, wrong, flushed: 0 };
}

/** Every code under every E8M0 scale that kernels store, and infinity or NaN under 0xff. */
export async function checkFourBitCodes(fixture: KernelFixture): Promise<CodeCheck> {
  const exponents = [...Array.from({ length: 251 }, (_, i) => i - 125), 128];
  const elements = exponents.length * BLOCK;
  const tensor: Tensor = { name: 'inp', type: 'e2m1fn', elements, blockScales: { block: BLOCK, as: 'e8m0' } };
  const bytes = new Uint8Array(byteLength(tensor));
  const words = new Uint32Array(bytes.buffer);
  for (let i = 0; i < elements; i++) bytes[i >> 1]! |= (i % 16) << (4 * (i & 1));
  for (const [block, exponent] of exponents.entries()) putInverse(words, 'e8m0', block, exponent);
  const run = new KernelRun(fixture);
  run.stored(tensor, bytes);
  const out = run.output('out', 'f32', elements);
  await run.run([
    convertFormat(targetOf(fixture, 'packed', false), { inp: tensor, out, elements, label: 'read' }),
  ]);
  const read = run.read(out);
  const wrong: string[] = [];
  for (let i = 0; i < elements; i++) {
    const exponent = exponents[Math.floor(i / BLOCK)]!;
    const wanted = decodeBits('e2m1fn', i % 16) * 2 ** exponent;
    const isRight = exponent === 128 ? !Number.isFinite(read[i]!) : Object.is(read[i], Math.fround(wanted));
    if (!isRight && wrong.length < 5)
      wrong.push(`${i % 16} times 2^${exponent}: ${read[i]} instead of ${wanted}`);
  }
  return { codes: elements, wrong, flushed: 0 };
}
