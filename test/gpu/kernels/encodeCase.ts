/** Every code of the narrow formats through the encoders and decoders of shaders/formats, bit by bit. */

import { randomBits } from '../../../src/engine/core/rng.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { bytesPerElement } from '../../../src/engine/gpu/tensor.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { type FormatId, formatInfo, normalExponent } from '../../../src/engine/precision/formats.ts';
import { isSimulatedFormat, type SimulatedFormat } from '../../../src/engine/precision/simulated.ts';
import { decodeBits, encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

export interface CodeCheck {
  readonly codes: number;
  /** In words, the first few. */
  readonly wrong: readonly string[];
  /** Subnormal results that the adapter flushed to zero, as WGSL allows. */
  readonly flushed: number;
}

/** Vectors of test/unit/reference/rounding.test.ts: f32 bits, f16, bf16, e4m3fn and e5m2 (saturating), tf32 (null: as the f32 bits). */
const GOLDEN: readonly (readonly [number, number, number, number, number, number | null])[] = [
  [0x3f800000, 0x3c00, 0x3f80, 0x38, 0x3c, null],
  [0xc0000000, 0xc000, 0xc000, 0xc0, 0xc0, null],
  [0x3dcccccd, 0x2e66, 0x3dcd, 0x1d, 0x2e, 0x3dccc000],
  [0x3eaaaaab, 0x3555, 0x3eab, 0x2b, 0x35, 0x3eaaa000],
  [0x3e99999a, 0x34cd, 0x3e9a, 0x2a, 0x35, 0x3e99a000],
  [0x33800000, 0x0001, 0x3380, 0x00, 0x00, null],
  [0x33000000, 0x0000, 0x3300, 0x00, 0x00, null],
  [0x33400000, 0x0001, 0x3340, 0x00, 0x00, null],
  [0x38800000, 0x0400, 0x3880, 0x00, 0x04, null],
  [0x387fda40, 0x03ff, 0x3880, 0x00, 0x04, 0x387fe000],
  [0x477fe000, 0x7bff, 0x4780, 0x7e, 0x7b, null],
  [0x477fefff, 0x7bff, 0x4780, 0x7e, 0x7b, 0x477fe000],
  [0x477ff000, 0x7c00, 0x4780, 0x7e, 0x7b, 0x47800000],
  [0x43e80ccd, 0x5f40, 0x43e8, 0x7e, 0x5f, 0x43e80000],
  [0x476ffffd, 0x7b80, 0x4770, 0x7e, 0x7b, 0x47700000],
  [0x43e00000, 0x5f00, 0x43e0, 0x7e, 0x5f, null],
  [0x43e80000, 0x5f40, 0x43e8, 0x7e, 0x5f, null],
  [0x43f00000, 0x5f80, 0x43f0, 0x7e, 0x60, null],
  [0x47600000, 0x7b00, 0x4760, 0x7e, 0x7b, null],
  [0x47700000, 0x7b80, 0x4770, 0x7e, 0x7b, null],
  [0x3b000000, 0x1800, 0x3b00, 0x01, 0x18, null],
  [0x3a800000, 0x1400, 0x3a80, 0x00, 0x14, null],
  [0x3ac00000, 0x1600, 0x3ac0, 0x01, 0x16, null],
  [0x3c800000, 0x2400, 0x3c80, 0x08, 0x24, null],
  [0x37800000, 0x0100, 0x3780, 0x00, 0x01, null],
  [0x37000000, 0x0080, 0x3700, 0x00, 0x00, null],
  [0x43708000, 0x5b84, 0x4370, 0x77, 0x5c, null],
  [0x3f808000, 0x3c04, 0x3f80, 0x38, 0x3c, null],
  [0x3f818000, 0x3c0c, 0x3f82, 0x38, 0x3c, null],
  [0x3f801000, 0x3c00, 0x3f80, 0x38, 0x3c, 0x3f800000],
  [0x3f803000, 0x3c02, 0x3f80, 0x38, 0x3c, 0x3f804000],
  [0x7f7fffff, 0x7c00, 0x7f80, 0x7e, 0x7b, 0x7f800000],
  [0x7f800000, 0x7c00, 0x7f80, 0x7e, 0x7b, null],
  [0x7f800001, 0x7e00, 0x7fc0, 0x7f, 0x7e, null],
  [0xffc00001, 0xfe00, 0xffc0, 0xff, 0xfe, null],
  [0x807fffff, 0x8000, 0x8080, 0x80, 0x80, 0x80800000],
];

const LARGEST = {
  f16: 0x7bff,
  'f16-flush': 0x7bff,
  bf16: 0x7f7f,
  e4m3fn: 0x7e,
  e5m2: 0x7b,
  i8: 0x7f,
} as const;
type Narrow = keyof typeof LARGEST;
const isNarrow = (format: FormatId): format is Narrow => Object.hasOwn(LARGEST, format);

/** All values, all midpoints and the f32 beside them, of both signs; golden vectors; random f32. */
function encoderInputs(format: FormatId): number[] {
  const words = GOLDEN.map(([bits]) => bits);
  for (let i = 0; i < 20_000; i++) words.push(randomBits(i, 11));
  if (format === 'tf32') {
    // Every midpoint of some binades, and those around the ends of the range.
    for (const exponent of [0, 1, 100, 127, 254]) {
      for (let m = 0; m < 1024; m++) {
        const middle = ((exponent << 23) | (m << 13) | 0x1000) >>> 0;
        words.push(middle - 1, middle, middle + 1, (middle | 0x80000000) >>> 0);
      }
    }
  }
  if (isSimulatedFormat(format)) words.push(...simulatedBoundaries(format));
  if (!isNarrow(format)) return words;
  for (let code = 0; code < LARGEST[format]; code++) {
    const low = decodeBits(format, code);
    const middle = f32Bits((low + decodeBits(format, code + 1)) / 2);
    for (const bits of [f32Bits(low), middle - 1, middle, middle + 1]) {
      words.push(bits >>> 0, (bits | 0x80000000) >>> 0);
    }
  }
  return words.map((word) => (word < 0 ? 0 : word));
}

/** Simulated formats that between them have every branch of the prelude: both roundings, subnormals, clipping, f32's range. */
export const SIMULATED: readonly SimulatedFormat[] = [
  'e5m2-rz',
  'e5m2-rne',
  'e2m1-rne',
  'e7m3-rz',
  'e8m1-rz',
  'e8m3-rne',
];

/** The values of some binades and their neighbours, from below the smallest to beyond the largest. */
function simulatedBoundaries(format: SimulatedFormat): number[] {
  const { exponentBits, mantissaBits } = formatInfo(format);
  const bias = 2 ** (exponentBits - 1) - 1;
  const dropped = 23 - mantissaBits;
  const words: number[] = [0x00000001, 0x007fffff];
  for (let exponent = -bias - mantissaBits - 2; exponent <= bias + 1; exponent++) {
    const field = exponent + 127;
    if (field < 0 || field > 254 || (exponentBits > 5 && field > 8 && field < 246 && field % 16 > 0))
      continue;
    for (let m = 0; m < 2 ** mantissaBits; m++) {
      const low = field * 2 ** 23 + m * 2 ** dropped;
      const middle = low + 2 ** (dropped - 1);
      for (const bits of [low, low + 1, middle - 1, middle, middle + 1, low + 2 ** dropped - 1]) {
        words.push(bits, (bits | 0x80000000) >>> 0);
      }
    }
  }
  return words;
}

const hex = (code: number): string => `0x${code.toString(16)}`;

function checkCodes(
  format: FormatId,
  inputs: ArrayLike<number>,
  actual: ArrayLike<number>,
  wantedOf: (input: number) => number,
): CodeCheck {
  const wrong: string[] = [];
  let flushed = 0;
  const info = formatInfo(format);
  const smallestNormal = info.integer ? 0 : 2 ** normalExponent(info);
  for (let i = 0; i < inputs.length; i++) {
    const wanted = wantedOf(inputs[i]!);
    const got = actual[i]!;
    if (got === wanted) continue;
    const [wantedValue, value] = [decodeBits(format, wanted), decodeBits(format, got)];
    // Which NaN an f32 is may change on a plain load or store; narrow codes are made of integers.
    if (!isNarrow(format) && Number.isNaN(wantedValue) && Number.isNaN(value)) continue;
    if (value === 0 && Math.abs(wantedValue) < smallestNormal) flushed++;
    else if (wrong.length < 5) wrong.push(`${hex(inputs[i]!)}: ${hex(got)} instead of ${hex(wanted)}`);
  }
  return { codes: inputs.length, wrong, flushed };
}

/** f32 to `format`. */
export async function checkEncoder(
  fixture: KernelFixture,
  target: Target,
  format: FormatId,
): Promise<CodeCheck> {
  const words = encoderInputs(format);
  while (words.length % 4 > 0) words.push(0);
  const run = new KernelRun(fixture);
  const inp = run.codes('inp', 'f32', words);
  const out = run.output('out', format, words.length);
  await run.run([convertFormat(target, { inp, out, elements: words.length, label: 'encode' })]);
  const golden = (bits: number): number | undefined => {
    const row = GOLDEN.find(([known]) => known === bits);
    if (!row) return undefined;
    if (format === 'f16') return row[1];
    if (format === 'bf16') return row[2];
    if (format === 'e4m3fn') return row[3];
    if (format === 'e5m2') return row[4];
    return format === 'tf32' ? (row[5] ?? bits) : undefined;
  };
  return checkCodes(format, words, run.codesOf(out), (bits) => golden(bits) ?? encodeBits(format, bits));
}

/** Every code of `format` to f32. */
export async function checkDecoder(
  fixture: KernelFixture,
  target: Target,
  format: FormatId,
): Promise<CodeCheck> {
  const codes = isNarrow(format)
    ? Uint32Array.from({ length: 256 ** bytesPerElement(format) }, (_, code) => code)
    : encoderInputs('f32');
  const words = Array.from(codes).slice(0, codes.length - (codes.length % 4));
  const run = new KernelRun(fixture);
  const inp = run.codes('inp', format, words);
  const out = run.output('out', 'f32', words.length);
  await run.run([convertFormat(target, { inp, out, elements: words.length, label: 'decode' })]);
  return checkCodes('f32', words, run.codesOf(out), (code) => f32Bits(decodeBits(format, code)));
}
