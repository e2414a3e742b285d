/** The tensors of a model's files, whatever the files are: one safetensors file, shards with an index, or another format. */
import { readFloats, type SafetensorsFile, tensorPieces } from './safetensors.ts';

export interface StoredTensor {
  /** As in the file. */
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The stored bytes in order; no piece splits a number. @throws EngineError BAD_FILE when they cannot be read */
  pieces(): AsyncGenerator<Uint8Array>;
  /**
   * Reads the numbers, widened to f32: (elements).
   * @throws EngineError NOT_FINITE, BAD_FILE or WRONG_MODEL, as `readFloats`
   */
  floats(): Promise<Float32Array>;
}

export interface StoredWeights {
  /** Name of the file, for messages. */
  readonly name: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

export function storedWeights(file: SafetensorsFile): StoredWeights {
  const { source, metadata } = file;
  const tensors = [...file.tensors.values()].map(
    (info): StoredTensor => ({
      name: info.name,
      dtype: info.dtype,
      shape: info.shape,
      pieces: () => tensorPieces(file, info),
      floats: () => readFloats(file, info),
    }),
  );
  return { name: source.name, metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

/** Whether two tensors are stored as the same bytes. It reads both. */
export async function sameBytes(a: StoredTensor, b: StoredTensor): Promise<boolean> {
  const sizes = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  if (a.dtype !== b.dtype || sizes(a.shape) !== sizes(b.shape)) return false;
  const others = b.pieces();
  for await (const piece of a.pieces()) {
    const other = (await others.next()).value as Uint8Array;
    if (piece.some((byte, i) => byte !== other[i])) return false;
  }
  return true;
}
