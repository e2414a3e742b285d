/**
 * The values and number formats of GGUF files.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

/** "GGUF" as a little-endian number. */
export const GGUF_MAGIC = 0x46554747;
/** The version that is written. Version 2 has the same layout. */
export const GGUF_VERSION = 3;
export const READ_VERSIONS: readonly number[] = [2, GGUF_VERSION];
/** Alignment of tensors where `general.alignment` does not say otherwise. */
export const ALIGNMENT = 32;

/** Types of metadata values by their numbers in a file. */
export const VALUE_TYPES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;
export type ValueType = (typeof VALUE_TYPES)[number];

/** 64-bit numbers are read as numbers, if they are exact. */
export type GgufValue = number | boolean | string | readonly GgufValue[];

/** A metadata value to write. */
export type ValueToWrite =
  | { readonly type: 'u32' | 'f32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'f32s' | 'i32s'; readonly value: readonly number[] };

interface TensorType {
  /** Its number in a file. */
  readonly number: number;
  /** Numbers that are stored together, along a row. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

/** The number formats that tensors are read from and written in. */
export const TENSOR_TYPES = {
  F32: { number: 0, block: 1, bytes: 4 },
  F16: { number: 1, block: 1, bytes: 2 },
  Q4_0: { number: 2, block: 32, bytes: 18 },
  Q8_0: { number: 8, block: 32, bytes: 34 },
  BF16: { number: 30, block: 1, bytes: 2 },
} as const satisfies Record<string, TensorType>;
export type GgufType = keyof typeof TENSOR_TYPES;

const OTHER_TYPES: Readonly<Record<number, string>> = {
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

/** The format with a number; null for formats that are not read. */
export function tensorType(number: number): GgufType | null {
  const types = Object.keys(TENSOR_TYPES) as GgufType[];
  return types.find((type) => TENSOR_TYPES[type].number === number) ?? null;
}

/** What a format is called in messages. */
export function tensorTypeName(number: number): string {
  return tensorType(number) ?? OTHER_TYPES[number] ?? `type ${number}`;
}

/** Bytes of `elements` numbers, which must be whole blocks. */
export function bytesOfType(type: GgufType, elements: number): number {
  const { block, bytes } = TENSOR_TYPES[type];
  return (elements / block) * bytes;
}
