/** Bytes that are read where they lie, so that a file larger than memory can be opened. */
import { EngineError } from '../core/errors.ts';

export interface RandomAccess {
  /** For messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The `length` bytes from `offset`; fewer only where the source has become shorter since. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function bytesSource(name: string, bytes: Uint8Array): RandomAccess {
  return {
    name,
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

export function blobSource(name: string, blob: Blob): RandomAccess {
  return {
    name,
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  };
}

const PIECE_BYTES = 2 ** 20;

/** All bytes in their order. @throws as `readExactly` */
export async function* piecesOf(source: RandomAccess): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.size; at += PIECE_BYTES) {
    yield await readExactly(source, at, Math.min(PIECE_BYTES, source.size - at));
  }
}

/**
 * Exactly `length` bytes, which must lie within the source's size.
 * @throws EngineError BAD_FILE when the source gives fewer, or cannot be read
 */
export async function readExactly(source: RandomAccess, offset: number, length: number): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await source.read(offset, length);
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError(
      'BAD_FILE',
      `"${source.name}" cannot be read at byte ${offset}: ${reason.slice(0, 200)}.`,
      'Choose it again, or copy it to another disk first.',
      { cause },
    );
  }
  if (bytes.length === length) return bytes;
  throw new EngineError(
    'BAD_FILE',
    `"${source.name}" gave ${bytes.length} of ${length} bytes at byte ${offset}: it was changed while it was read.`,
    'Give it again when it is complete.',
  );
}
