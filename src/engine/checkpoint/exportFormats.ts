/** The forms in which a model is exported. */
import { EXPORT_DTYPES } from './dtypes.ts';
import type { GgufType } from './ggufFormat.ts';

/** One GGUF file for llama.cpp instead of a folder for Hugging Face's libraries, by the format of its matrices. */
const GGUF_TYPES = {
  'gguf-f32': 'F32',
  'gguf-f16': 'F16',
  'gguf-bf16': 'BF16',
  'gguf-q8_0': 'Q8_0',
  'gguf-q4_0': 'Q4_0',
} as const satisfies Record<string, GgufType>;
type GgufFormat = keyof typeof GGUF_TYPES;

export const EXPORT_FORMATS = [...EXPORT_DTYPES, ...(Object.keys(GGUF_TYPES) as GgufFormat[])];
/** A number format of the folder's weights, or one of a GGUF file. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export function isGgufFormat(format: ExportFormat): format is GgufFormat {
  return Object.hasOwn(GGUF_TYPES, format);
}

export function ggufTypeOf(format: GgufFormat): GgufType {
  return GGUF_TYPES[format];
}
