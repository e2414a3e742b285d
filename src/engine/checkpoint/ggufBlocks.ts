/**
 * Converts f32 numbers to the formats of GGUF tensors and back. A block of Q8_0 or Q4_0 is 32 numbers with one scale in f16;
 * rounding is that of llama.cpp's reference functions.
 */
import { EngineError } from '../core/errors.ts';
import { decodeFloats, encodeHalves } from './dtypes.ts';
import { bytesOfType, type GgufType, TENSOR_TYPES } from './ggufFormat.ts';

const BLOCK = 32;
const HALF = 2;

/**
 * @param name of the tensor, for the error
 * @param values whole blocks
 * @throws EngineError NOT_FINITE for a value that is not finite, or too large for f16 in F16
 */
export function encodeBlocks(type: GgufType, name: string, values: Float32Array): Uint8Array {
  checkFinite(name, values);
  switch (type) {
    case 'F32':
      return new Uint8Array(values.slice().buffer);
    case 'F16':
      return encodeHalves(name, values);
    case 'BF16':
      return encodeBfloats(values);
    case 'Q8_0':
      return inBlocks(type, values, encodeQ8);
    case 'Q4_0':
      return inBlocks(type, values, encodeQ4);
  }
}

/** Widens numbers to f32. @param bytes of `out.length` numbers, which are whole blocks */
export function decodeBlocks(type: GgufType, bytes: Uint8Array, out: Float32Array): void {
  if (type === 'F32' || type === 'F16' || type === 'BF16') {
    decodeFloats(type, bytes, out);
    return;
  }
  const { bytes: size } = TENSOR_TYPES[type];
  const scale = new Float32Array(1);
  for (let at = 0, first = 0; first < out.length; at += size, first += BLOCK) {
    decodeFloats('F16', bytes.subarray(at, at + HALF), scale);
    const codes = bytes.subarray(at + HALF, at + size);
    for (let i = 0; i < BLOCK; i++) {
      const code = type === 'Q8_0' ? (codes[i]! << 24) >> 24 : nibble(codes, i) - 8;
      out[first + i] = scale[0]! * code;
    }
  }
}

/** The first half of a block lies in the low halves of its bytes. */
function nibble(codes: Uint8Array, i: number): number {
  return i < BLOCK / 2 ? codes[i]! & 0xf : codes[i - BLOCK / 2]! >> 4;
}

function inBlocks(
  type: GgufType,
  values: Float32Array,
  encode: (values: Float32Array, codes: Uint8Array) => number,
): Uint8Array {
  const { bytes: size } = TENSOR_TYPES[type];
  const bytes = new Uint8Array(bytesOfType(type, values.length));
  for (let at = 0, first = 0; first < values.length; at += size, first += BLOCK) {
    const scale = encode(values.subarray(first, first + BLOCK), bytes.subarray(at + HALF, at + size));
    bytes.set(encodeHalves('a scale', Float32Array.of(scale)), at);
  }
  return bytes;
}

/** @returns the scale */
function encodeQ8(values: Float32Array, codes: Uint8Array): number {
  const scale = Math.fround(largest(values) / 127);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  for (let i = 0; i < BLOCK; i++) codes[i] = awayFromZero(Math.fround(values[i]! * inverse));
  return scale;
}

/** The value of largest magnitude becomes -8. @returns the scale */
function encodeQ4(values: Float32Array, codes: Uint8Array): number {
  const most = largest(values);
  const extreme = values.find((value) => Math.abs(value) === most)!;
  const scale = Math.fround(extreme / -8);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  const code = (i: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(values[i]! * inverse) + 8.5)));
  for (let i = 0; i < BLOCK / 2; i++) codes[i] = code(i) | (code(i + BLOCK / 2) << 4);
  return scale;
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Rounds to the nearest integer, and halves away from zero as C's `roundf`. */
function awayFromZero(value: number): number {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
}

/** Rounds to nearest even. */
function encodeBfloats(values: Float32Array): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const codes = Uint16Array.from(words, (bits) => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  return new Uint8Array(codes.buffer);
}

function checkFinite(name: string, values: Float32Array): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new EngineError(
    'NOT_FINITE',
    `${name} is ${values[at]} at element ${at} of ${values.length}.`,
    'A model with such a weight gives only non-finite results. Use an earlier file of the same run.',
  );
}
