/**
 * The tokenizer of a saved run. The metadata describe it; the `tokenizer.json` of a loaded one, which may have megabytes, is
 * a tensor of bytes.
 */
import type { TokenizerJson } from '../data/tokenizer.ts';
import { readTokenizerJson } from '../data/tokenizerJson.ts';
import { readExactly } from './randomAccess.ts';
import type { SafetensorsFile, TensorToWrite } from './safetensors.ts';

const TENSOR = 'tokenizer.json';

/** Returns what the metadata say of a tokenizer, and the tensors with the rest. */
export function writeTokenizer(tokenizer: TokenizerJson): {
  readonly described: Readonly<Record<string, unknown>>;
  readonly tensors: readonly TensorToWrite[];
} {
  if (tokenizer.kind !== 'loaded') return { described: tokenizer, tensors: [] };
  const { file, ...described } = tokenizer;
  const bytes = new TextEncoder().encode(file);
  return {
    described,
    tensors: [{ name: TENSOR, dtype: 'U8', shape: [bytes.length], pieces: () => [bytes] }],
  };
}

/** @throws EngineError BAD_FILE when the description or the tensor is damaged */
export async function readTokenizer(
  { source, tensors }: SafetensorsFile,
  described: Readonly<Record<string, unknown>>,
): Promise<TokenizerJson> {
  const tensor = described.kind === 'loaded' ? tensors.get(TENSOR) : undefined;
  if (!tensor) return readTokenizerJson(JSON.stringify(described), source.name);
  const file = new TextDecoder().decode(await readExactly(source, tensor.offset, tensor.bytes));
  return readTokenizerJson(JSON.stringify({ ...described, file }), source.name);
}
