/** Random access to the bytes of a file, so that files larger than memory can be opened. */
import { EngineError } from '../core/errors.ts';

export interface RandomAccess {
  /** Name for messages. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /** Reads `length` bytes from `offset`. It returns fewer only if the source has become shorter. */
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

/** Reads all bytes in order, 1 MiB at a time. @throws as `readExactly` */
export async function* piecesOf(source: RandomAccess): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.size; at += PIECE_BYTES) {
    yield await readExactly(source, at, Math.min(PIECE_BYTES, source.size - at));
  }
}

/**
 * Reads exactly `length` bytes, which must lie within the source's size.
 * @throws EngineError BAD_FILE when the source returns fewer bytes or cannot be read
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
    `Only ${bytes.length} of ${length} bytes of "${source.name}" could be read at byte ${offset}: it changed while it was being read.`,
    'Try again when nothing writes to it.',
  );
}
