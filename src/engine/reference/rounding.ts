/**
 * Rounding to the project's number formats, in integers on the bits of an f32: what every kernel does
 * to its f32 accumulator when it stores. Round to nearest, ties to even. The oracle for
 * `shaders/formats/`. FP8 is that of the OCP 8-bit Floating Point Specification (OFP8).
 */
import { type FormatId, formatInfo, type NumberFormat } from '../precision/formats.ts';
import { isSimulatedFormat } from '../precision/simulated.ts';

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** Bits of `x` after rounding it to f32, as an unsigned 32-bit number. */
export function f32Bits(x: number): number {
  float[0] = x;
  return word[0]!;
}

/** The f32 with these bits. Which NaN it was is lost: JavaScript may change the payload. */
export function fromF32Bits(bits: number): number {
  word[0] = bits;
  return float[0]!;
}

/**
 * Code of the f32 whose bits are given: 4 bits for e2m1fn; 8 bits for e4m3fn, e5m2 and i8; 16 bits for f16, f16-flush and bf16; for f32 and
 * tf32 an f32 bit pattern (tf32's low 13 bits are zero). Beyond the largest finite value it is an infinity, in the 8-bit
 * formats and in f16-clamp the largest finite value (infinity too); NaN stays NaN, where the format has one. Takes bits rather than a number so that NaN payloads can be tested.
 */
export function encodeBits(format: FormatId, bits: number): number {
  if (isSimulatedFormat(format)) return encodeSimulated(formatInfo(format), bits);
  switch (format) {
    case 'f32':
      return bits >>> 0;
    case 'tf32':
      return encodeTf32(bits);
    case 'bf16':
      return encodeBf16(bits);
    case 'f16':
      return encodeF16(bits);
    case 'f16-clamp':
      return saturated(encodeBits('f16', bits));
    case 'f16-flush-clamp':
      return saturated(encodeBits('f16-flush', bits));
    case 'e4m3fn':
      return encodeFp8(E4M3FN, bits);
    case 'e5m2':
      return encodeFp8(E5M2, bits);
    case 'e2m1fn':
      return encodeE2m1(bits);
    case 'i8':
      return encodeI8(bits);
    case 'f16-flush': {
      // After rounding: a value that rounds up to 2^-14 is normal and stays.
      const code = encodeF16(bits);
      return (code & 0x7c00) === 0 ? code & 0x8000 : code;
    }
  }
}

/** An f16 code with the largest finite value instead of infinity. */
function saturated(code: number): number {
  return (code & 0x7fff) === 0x7c00 ? (code & 0x8000) | 0x7bff : code;
}

/** Value of a code, exact in f64. A subnormal code keeps its value in f16-flush too: only storing flushes. */
export function decodeBits(format: FormatId, code: number): number {
  if (isSimulatedFormat(format)) return fromF32Bits(code);
  switch (format) {
    case 'f32':
    case 'tf32':
      return fromF32Bits(code);
    case 'bf16':
      return fromF32Bits((code << 16) >>> 0);
    case 'f16':
    case 'f16-flush':
    case 'f16-clamp':
    case 'f16-flush-clamp':
      return decodeF16(code);
    case 'e4m3fn':
      return decodeE4M3(code);
    case 'e5m2':
      return decodeF16(code << 8); // the upper half of an f16
    case 'e2m1fn':
      return (code & 8 ? -1 : 1) * E2M1_VALUES[code & 7]!;
    case 'i8':
      return (code << 24) >> 24;
  }
}

/** `x` as it reads back after a kernel stored it: rounded to f32 first (the accumulator), then to `format`. */
export function roundTo(format: FormatId, x: number): number {
  return format === 'f32' ? Math.fround(x) : decodeBits(format, encodeBits(format, f32Bits(x)));
}

/** In f64, where dividing by a power of two is exact, so that it shares nothing with the integers of the shader. */
function encodeSimulated(format: NumberFormat, bits: number): number {
  const { exponentBits, mantissaBits, saturates, truncates } = format;
  const sign = (bits & 0x80000000) >>> 0;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000 || (magnitude === 0x7f800000 && !saturates)) return bits >>> 0;
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponent = Math.max(1 - bias, (magnitude >>> 23) - 127);
  const step = 2 ** (exponent - mantissaBits);
  const steps = fromF32Bits(magnitude) / step;
  const below = Math.floor(steps);
  const rest = steps - below;
  const up = !truncates && (rest > 0.5 || (rest === 0.5 && below % 2 === 1));
  const rounded = (below + (up ? 1 : 0)) * step;
  const largest = (2 - 2 ** -mantissaBits) * 2 ** bias;
  return (sign | f32Bits(saturates ? Math.min(rounded, largest) : rounded)) >>> 0;
}

/**
 * bf16 code of the f32 whose bits are given, rounded away from zero with the probability that the dropped 16 bits stand
 * for. A finite value stays finite; infinities and NaN are as {@link encodeBits} has them.
 * @param random 16 bits or more, of which the lowest 16 count
 */
export function encodeBf16Stochastic(bits: number, random: number): number {
  if ((bits & 0x7f800000) === 0x7f800000) return encodeBf16(bits);
  const rounded = (bits + (random & 0xffff)) >>> 16;
  return (rounded & 0x7f80) === 0x7f80 ? bits >>> 16 : rounded;
}

/** The bf16 code nearest to an f32, ties away from zero, and the signed rest: 16 bits each that make the f32 again. */
export function splitBits(bits: number): { high: number; low: number } {
  if ((bits & 0x7f800000) === 0x7f800000) return { high: encodeBf16(bits), low: 0 };
  return { high: ((bits + 0x8000) >>> 16) & 0xffff, low: bits & 0xffff };
}

/** Bits of the f32 that {@link splitBits} took apart. */
export function joinBits({ high, low }: { high: number; low: number }): number {
  return ((high << 16) + low - ((low & 0x8000) << 1)) >>> 0;
}

function encodeTf32(bits: number): number {
  if ((bits & 0x7f800000) === 0x7f800000) return bits >>> 0;
  return ((bits + 0xfff + ((bits >>> 13) & 1)) & 0xffffe000) >>> 0;
}

function encodeBf16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // quiet, so that NaN is not cut to infinity
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function encodeF16(bits: number): number {
  const sign = (bits >>> 31) << 15;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520: halfway from 65504 to 2^16, ties away
  const exponent = (magnitude >>> 23) - 112; // biased for f16; below 1 the result is subnormal
  // A subnormal result shifts the full significand (hidden bit included) further right.
  const shift = exponent >= 1 ? 13 : 14 - exponent;
  const value = exponent >= 1 ? magnitude - (112 << 23) : (magnitude & 0x7fffff) | 0x800000;
  if (shift > 24) return sign; // below half of the smallest subnormal
  return sign | ((value + (2 ** (shift - 1) - 1) + ((value >>> shift) & 1)) >>> shift);
}

function decodeF16(code: number): number {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >>> 10) & 31;
  const fraction = code & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

interface Fp8 {
  readonly mantissaBits: number;
  readonly bias: number;
  readonly largest: number;
  readonly nan: number;
}
const E4M3FN: Fp8 = { mantissaBits: 3, bias: 7, largest: 0x7e, nan: 0x7f };
const E5M2: Fp8 = { mantissaBits: 2, bias: 15, largest: 0x7b, nan: 0x7e };

function encodeFp8({ mantissaBits, bias, largest, nan }: Fp8, bits: number): number {
  const sign = (bits >>> 31) << 7;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | nan;
  const exponent = (magnitude >>> 23) - 127 + bias; // biased for the format; below 1 the result is subnormal
  const shift = 23 - mantissaBits + Math.max(0, 1 - exponent);
  if (shift > 24) return sign; // below half of the smallest subnormal
  const value = exponent >= 1 ? magnitude - ((127 - bias) << 23) : (magnitude & 0x7fffff) | 0x800000;
  const rounded = (value + (2 ** (shift - 1) - 1) + ((value >>> shift) & 1)) >>> shift;
  return sign | Math.min(rounded, largest);
}

/** In f64, whose differences from a floor are exact. An integer has no code for NaN, which becomes 0. */
function encodeI8(bits: number): number {
  const x = fromF32Bits(bits);
  if (Number.isNaN(x)) return 0;
  const below = Math.floor(Math.max(-127, Math.min(127, x)));
  const rest = Math.max(-127, Math.min(127, x)) - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (below + (up ? 1 : 0)) & 0xff;
}

function decodeE4M3(code: number): number {
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code >>> 3) & 15;
  const fraction = code & 7;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -9;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
}

/** The magnitudes of OCP's 4-bit E2M1, by code. */
const E2M1_VALUES = [0, 0.5, 1, 1.5, 2, 3, 4, 6] as const;

/** By comparison with the values, so that it shares nothing with the integers of the shader. NaN gets the largest magnitude. */
function encodeE2m1(bits: number): number {
  const sign = (bits >>> 31) << 3;
  const magnitude = fromF32Bits(bits & 0x7fffffff);
  if (!(magnitude <= 6)) return sign | 7;
  const above = E2M1_VALUES.findIndex((value) => value >= magnitude);
  if (above === 0) return sign;
  const [low, high] = [E2M1_VALUES[above - 1]!, E2M1_VALUES[above]!];
  const middle = (low + high) / 2;
  const isUp = magnitude > middle || (magnitude === middle && above % 2 === 0);
  return sign | (isUp ? above : above - 1);
}

/**
 * The e2m1fn code above or below an f32, each with the probability that makes the mean the f32 itself, up to 6.
 * @param random 32 bits, of which the lowest 22 decide from 1 on, and the lowest 31 below 2^-8
 */
export function encodeE2m1Stochastic(bits: number, random: number): number {
  const sign = (bits >>> 31) << 3;
  const magnitude = fromF32Bits(bits & 0x7fffffff);
  if (!(magnitude < 6)) return sign | 7;
  const above = E2M1_VALUES.findIndex((value) => value > magnitude);
  const [low, high] = [E2M1_VALUES[above - 1]!, E2M1_VALUES[above]!];
  // The digits of the shader: it adds random bits to those that it drops, 22 from 1 on, one more in each binade below, at most 31.
  const dropped = Math.min(31, 22 + Math.max(0, -Math.floor(Math.log2(magnitude))));
  const digits = Math.floor(((magnitude - low) / (high - low)) * 2 ** dropped);
  const isUp = digits + (random % 2 ** dropped) >= 2 ** dropped;
  return sign | (isUp ? above : above - 1);
}
