/**
 * Two files that are written in turns: whenever the browser is killed, one of them holds a whole save. A file's header
 * says which save it is, how many bytes follow and the checksum of both, and is written last.
 */

import type { RandomAccess } from '../../engine/checkpoint/randomAccess.ts';
import { Checksum } from '../../engine/data/checksum.ts';

/** A file of the worker's private storage, as its synchronous handle offers it. */
export interface SlotFile {
  /** Bytes. */
  size(): number;
  /** Fills `into` from `at`; fewer bytes at the end of the file. @returns how many */
  read(into: Uint8Array, at: number): number;
  write(from: Uint8Array, at: number): number;
  truncate(size: number): void;
  /** Returns when the disk has everything that was written. */
  flush(): void;
}

/** What {@link Slots.newest} found. */
export interface Save {
  /** Counts saves, from 1. */
  readonly number: number;
  readonly source: RandomAccess;
}

const MAGIC = 0x73746c68; // "hlts"
const VERSION = 1;
/** Magic, version, number, length (low, high), checksum (16 digits). */
const HEADER_BYTES = 5 * 4 + 16;
/** Read or written at a time. */
const PIECE_BYTES = 2 ** 20;
/** Milliseconds of writing, at most, before others have the thread: the training that goes on shares it. */
const BUSY_MS = 8;

interface Header {
  readonly number: number;
  readonly bytes: number;
  readonly checksum: string;
}

export class Slots {
  readonly #files: readonly [SlotFile, SlotFile];
  /** Of the slot that holds the newest whole save; null where none does. */
  #newest: { readonly index: 0 | 1; readonly number: number } | null;

  /** Reads both files in full, to know which of them are whole. */
  constructor(files: readonly [SlotFile, SlotFile]) {
    this.#files = files;
    const [first, second] = files.map(wholeHeader);
    const firstIsNewer = (first?.number ?? 0) >= (second?.number ?? 0);
    const header = firstIsNewer ? first : second;
    this.#newest = header ? { index: firstIsNewer ? 0 : 1, number: header.number } : null;
  }

  /** The newest whole save; null where there is none. What it reads changes with the second save after it. */
  newest(): Save | null {
    if (!this.#newest) return null;
    const { index, number } = this.#newest;
    const file = this.#files[index];
    const { bytes } = headerOf(file)!;
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const into = new Uint8Array(length);
      return into.subarray(0, file.read(into, HEADER_BYTES + offset));
    };
    return { number, source: { name: 'the saved run', size: bytes, read } };
  }

  /**
   * Replaces the older save. The newest stays what it was until this one is whole.
   * @throws DOMException QuotaExceededError, or what `pieces` throws; the newest save is untouched
   */
  async save(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const index = this.#newest?.index === 0 ? 1 : 0;
    const number = (this.#newest?.number ?? 0) + 1;
    const file = this.#files[index];
    // From here on this slot is not whole, whatever it was.
    writeAll(file, new Uint8Array(HEADER_BYTES), 0);
    file.flush();
    const sum = new Checksum();
    sum.add([number]);
    let bytes = 0;
    let rested = performance.now();
    for await (const piece of cut(pieces)) {
      writeAll(file, piece, HEADER_BYTES + bytes);
      sum.add(piece);
      bytes += piece.length;
      if (performance.now() - rested < BUSY_MS) continue;
      await new Promise((resolve) => setTimeout(resolve));
      rested = performance.now();
    }
    file.truncate(HEADER_BYTES + bytes);
    file.flush();
    writeAll(file, headerBytes({ number, bytes, checksum: sum.hex() }), 0);
    file.flush();
    this.#newest = { index, number };
  }

  /** Forgets both saves. */
  clear(): void {
    for (const file of this.#files) {
      file.truncate(0);
      file.flush();
    }
    this.#newest = null;
  }
}

async function* cut(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += PIECE_BYTES) yield piece.subarray(at, at + PIECE_BYTES);
  }
}

/** @throws DOMException QuotaExceededError where the file took fewer bytes */
function writeAll(file: SlotFile, bytes: Uint8Array, at: number): void {
  const written = file.write(bytes, at);
  if (written === bytes.length) return;
  throw new DOMException(`${written} of ${bytes.length} bytes were taken.`, 'QuotaExceededError');
}

function headerBytes({ number, bytes, checksum }: Header): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES);
  new Uint32Array(out.buffer, 0, 5).set([
    MAGIC,
    VERSION,
    number,
    bytes % 2 ** 32,
    Math.floor(bytes / 2 ** 32),
  ]);
  out.set(new TextEncoder().encode(checksum), 20);
  return out;
}

function headerOf(file: SlotFile): Header | null {
  const bytes = new Uint8Array(HEADER_BYTES);
  if (file.read(bytes, 0) < HEADER_BYTES) return null;
  const [magic, version, number, low, high] = new Uint32Array(bytes.buffer, 0, 5);
  if (magic !== MAGIC || version !== VERSION) return null;
  return {
    number: number!,
    bytes: low! + high! * 2 ** 32,
    checksum: new TextDecoder().decode(bytes.subarray(20)),
  };
}

/** The header of a file whose bytes are those that were saved. */
function wholeHeader(file: SlotFile): Header | null {
  const header = headerOf(file);
  if (!header || file.size() !== HEADER_BYTES + header.bytes) return null;
  const sum = new Checksum();
  sum.add([header.number]);
  const piece = new Uint8Array(PIECE_BYTES);
  for (let at = 0; at < header.bytes; at += piece.length) {
    const length = Math.min(piece.length, header.bytes - at);
    if (file.read(piece.subarray(0, length), HEADER_BYTES + at) !== length) return null;
    sum.add(piece.subarray(0, length));
  }
  return sum.hex() === header.checksum ? header : null;
}
