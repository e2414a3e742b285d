/** The number formats of safetensors files, by their names in the format's documentation. */
import { EngineError } from '../core/errors.ts';

/** Bytes per number. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;
export type Dtype = keyof typeof DTYPE_BYTES;

export function isDtype(word: unknown): word is Dtype {
  return typeof word === 'string' && Object.hasOwn(DTYPE_BYTES, word);
}

/** Formats that weights are read from. Each of their values is exact in f32. */
const FLOATS = ['F32', 'F16', 'BF16'] as const;
export type FloatDtype = (typeof FLOATS)[number];

/** Formats that a model can be exported in. */
export const EXPORT_DTYPES = ['F32', 'F16', 'BF16'] as const;
export type ExportDtype = (typeof EXPORT_DTYPES)[number];

/** @throws EngineError WRONG_MODEL naming the tensor when its format is not one of these */
export function floatDtype(name: string, dtype: Dtype): FloatDtype {
  if ((FLOATS as readonly string[]).includes(dtype)) return dtype as FloatDtype;
  throw new EngineError(
    'WRONG_MODEL',
    `${name} holds ${dtype} numbers; weights are read from ${FLOATS.join(', ')}.`,
    'Convert it first: in PyTorch, tensor.to(torch.float32).',
  );
}

/**
 * Widens little-endian numbers to f32, exactly. NaN and infinities are kept.
 * @param bytes (out.length) numbers of `dtype`, at any alignment
 */
export function decodeFloats(dtype: FloatDtype, bytes: Uint8Array, out: Float32Array): void {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  // Typed views need alignment, which a file does not guarantee. Every machine that runs WebGPU is little-endian.
  const { buffer } = new Uint8Array(bytes);
  if (dtype === 'F32') {
    words.set(new Uint32Array(buffer));
    return;
  }
  const codes = new Uint16Array(buffer);
  if (dtype === 'BF16') for (let i = 0; i < codes.length; i++) words[i] = codes[i]! << 16;
  else for (let i = 0; i < codes.length; i++) words[i] = widenHalf(codes[i]!);
}

/** Returns the f32 bits of an f16 code. */
function widenHalf(code: number): number {
  const sign = (code & 0x8000) << 16;
  const magnitude = code & 0x7fff;
  if (magnitude >= 0x7c00) return sign | 0x7f800000 | ((magnitude & 0x3ff) << 13);
  if (magnitude >= 0x400) return sign | ((magnitude << 13) + (112 << 23));
  if (magnitude === 0) return sign;
  // A subnormal is shifted until its highest bit is the hidden one.
  const shift = Math.clz32(magnitude) - 21;
  return sign | ((113 - shift) << 23) | (((magnitude << shift) & 0x3ff) << 13);
}

/**
 * Rounds f32 values to f16, to nearest even, as little-endian bytes.
 * @param name of the tensor, for the error message
 * @throws EngineError NOT_FINITE for a value that f16 cannot hold (|x| >= 65520)
 */
export function encodeHalves(name: string, values: Float32Array): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const codes = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const bits = words[i]!;
    const magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x477ff000) {
      throw new EngineError(
        'NOT_FINITE',
        `${name} has ${values[i]} at element ${i}; F16 holds magnitudes below 65520.`,
        'Write the file in F32.',
      );
    }
    codes[i] = ((bits >>> 16) & 0x8000) | narrowHalf(magnitude);
  }
  return new Uint8Array(codes.buffer);
}

function narrowHalf(magnitude: number): number {
  const exponent = magnitude >>> 23;
  if (exponent < 102) return 0; // below half of the smallest subnormal, 2^-25
  // A normal number drops 13 bits; a subnormal drops more, because its hidden bit becomes explicit.
  const shift = Math.max(13, 126 - exponent);
  const mantissa = exponent < 113 ? (magnitude & 0x7fffff) | 0x800000 : magnitude - (112 << 23);
  const half = (1 << (shift - 1)) - 1;
  return (mantissa + half + ((mantissa >>> shift) & 1)) >>> shift;
}

/**
 * Rounds f32 values to bf16, to nearest even, as little-endian bytes.
 * @param name of the tensor, for the error message
 * @throws EngineError NOT_FINITE for a value that bf16 cannot hold
 */
export function encodeBfloats(name: string, values: Float32Array): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const codes = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const bits = words[i]!;
    const code = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    if ((bits & 0x7f800000) === 0x7f800000 || (code & 0x7f80) === 0x7f80) {
      throw new EngineError(
        'NOT_FINITE',
        `${name} has ${values[i]} at element ${i}; BF16 holds magnitudes below 3.3961775e38.`,
        'Write the file in F32.',
      );
    }
    codes[i] = code;
  }
  return new Uint8Array(codes.buffer);
}

/** Encodes the numbers of an exported tensor. @throws EngineError NOT_FINITE for a value that the format cannot hold */
export function encodeFloats(name: string, dtype: ExportDtype, values: Float32Array): Uint8Array {
  switch (dtype) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'F16':
      return encodeHalves(name, values);
    case 'BF16':
      return encodeBfloats(name, values);
  }
}

/** Returns the index of the first non-finite element, or -1. */
export function firstNonFinite(values: Float32Array): number {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return words.findIndex((bits) => (bits & 0x7f800000) === 0x7f800000);
}
