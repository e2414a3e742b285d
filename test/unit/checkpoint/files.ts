/** Safetensors files in memory, sound and made by hand. */
import { bytesSource, type RandomAccess } from '../../../src/engine/checkpoint/randomAccess.ts';
import {
  openSafetensors,
  type TensorToWrite,
  tensorPieces,
  writeSafetensors,
} from '../../../src/engine/checkpoint/safetensors.ts';
import { EngineError } from '../../../src/engine/core/errors.ts';

export async function concatenated(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return new Uint8Array(Buffer.concat(parts));
}

export function tensor(
  name: string,
  dtype: TensorToWrite['dtype'],
  shape: readonly number[],
  bytes: Uint8Array,
): TensorToWrite {
  return { name, dtype, shape, pieces: () => [bytes] };
}

export function floats(name: string, shape: readonly number[], values: readonly number[]): TensorToWrite {
  return tensor(name, 'F32', shape, new Uint8Array(Float32Array.from(values).buffer));
}

export function file(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  return concatenated(writeSafetensors(tensors, metadata));
}

/** A header that says whatever it says, and `data` bytes after it. */
export function handmade(header: string, data = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

/** Reads `bytes`, and notes the longest piece that was ever asked for. */
export function watched(bytes: Uint8Array): RandomAccess & { longest: number } {
  const source = {
    ...bytesSource('a.safetensors', bytes),
    longest: 0,
    async read(offset: number, length: number) {
      source.longest = Math.max(source.longest, length);
      return bytes.subarray(offset, offset + length);
    },
  };
  return source;
}

/** Every tensor's bytes by name, read through the public functions. */
export async function contents(source: RandomAccess): Promise<Map<string, Uint8Array>> {
  const opened = await openSafetensors(source);
  const all = new Map<string, Uint8Array>();
  for (const [name, info] of opened.tensors) all.set(name, await concatenated(tensorPieces(opened, info)));
  return all;
}

export async function refusal(work: Promise<unknown>): Promise<EngineError> {
  const error = await work.then(
    () => new Error('it was read'),
    (cause: unknown) => cause,
  );
  if (error instanceof EngineError) return error;
  throw error;
}
