/**
 * Two files that are written alternately: whenever the browser is killed, one of them holds a complete save. A file's
 * header holds the save's number, the bytes that follow and the checksum of both, and is written last.
 */

import { Checksum, type RandomAccess } from '../../engine/index.ts';

/** A file of the worker's private storage, as its synchronous handle offers it. */
export interface SlotFile {
  /** Bytes. */
  size(): number;
  /** Fills `into` from position `at`; reads fewer bytes at the end of the file. @returns how many */
  read(into: Uint8Array, at: number): number;
  write(from: Uint8Array, at: number): number;
  truncate(size: number): void;
  /** Returns when everything written is on the disk. */
  flush(): void;
}

/** What {@link Slots.newest} found. */
export interface Save {
  /** Number of the save, from 1. */
  readonly number: number;
  readonly source: RandomAccess;
}

const MAGIC = 0x73746c68; // "hlts"
/** Magic, version, number, length (low, high), checksum (16 digits). */
const HEADER_BYTES = 5 * 4 + 16;
/** Bytes read or written at a time. */
const PIECE_BYTES = 2 ** 20;
/** Most milliseconds of reading or writing before other work gets the thread, which a running training shares. */
const BUSY_MS = 8;

interface Header {
  readonly number: number;
  readonly bytes: number;
  readonly checksum: string;
}

interface Slot {
  readonly file: SlotFile;
  readonly header: Header;
}

export class Slots {
  /** The format version of saves that this version of the page writes and reads. */
  static readonly FORM = 1;

  readonly #files: readonly [SlotFile, SlotFile];
  /** The newest complete save; null where there is none, undefined before the first check. */
  #newest: Promise<Slot | null> | undefined;

  constructor(files: readonly [SlotFile, SlotFile]) {
    this.#files = files;
  }

  /**
   * The newest complete save; null where there is none. Its contents are overwritten by the second save after it. The
   * first call reads the whole save, and the one before only if that is damaged; other work gets the thread meanwhile.
   */
  async newest(): Promise<Save | null> {
    const slot = await this.#newestSlot();
    return slot && saveIn(slot);
  }

  /** The newest save by its header alone, without checking its contents; null where there is none. */
  glance(): Save | null {
    const [slot] = byNumber(this.#files);
    return slot ? saveIn(slot) : null;
  }

  /**
   * Replaces the older save. The newest is untouched until this one is complete.
   * @throws DOMException QuotaExceededError, or what `pieces` throws; the newest save is then unchanged
   */
  async save(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    // The check comes first: without it, the save overwritten here could be the only complete one.
    const newest = await this.#newestSlot();
    const [first, second] = this.#files;
    const file = newest?.file === first ? second : first;
    const number = (newest?.header.number ?? 0) + 1;
    // The slot is marked incomplete first, whatever it held.
    writeAll(file, new Uint8Array(HEADER_BYTES), 0);
    file.flush();
    const sum = new Checksum();
    sum.add([number]);
    let bytes = 0;
    const pauses = new Pauses();
    for await (const piece of cut(pieces)) {
      writeAll(file, piece, HEADER_BYTES + bytes);
      sum.add(piece);
      bytes += piece.length;
      await pauses.take();
    }
    file.truncate(HEADER_BYTES + bytes);
    file.flush();
    const header = { number, bytes, checksum: sum.hex() };
    writeAll(file, headerBytes(header), 0);
    file.flush();
    this.#newest = Promise.resolve({ file, header });
  }

  /**
   * The format version of saves in either file that a later version of the page wrote and this one cannot read; null if
   * there are none.
   */
  laterForm(): number | null {
    return this.#files.map(formOf).find((form) => form !== null && form > Slots.FORM) ?? null;
  }

  /** Deletes both saves. A save that is being checked meanwhile is found damaged. */
  clear(): void {
    for (const file of this.#files) {
      file.truncate(0);
      file.flush();
    }
    this.#newest = Promise.resolve(null);
  }

  #newestSlot(): Promise<Slot | null> {
    this.#newest ??= newestOf(this.#files).catch((cause: unknown) => {
      this.#newest = undefined; // the next call tries the disk again
      throw cause;
    });
    return this.#newest;
  }
}

function saveIn({ file, header }: Slot): Save {
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const into = new Uint8Array(length);
    return into.subarray(0, file.read(into, HEADER_BYTES + offset));
  };
  return { number: header.number, source: { name: 'the saved run', size: header.bytes, read } };
}

/** Lets other work have the thread at intervals. */
class Pauses {
  #since = performance.now();

  async take(): Promise<void> {
    if (performance.now() - this.#since < BUSY_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#since = performance.now();
  }
}

async function* cut(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += PIECE_BYTES) yield piece.subarray(at, at + PIECE_BYTES);
  }
}

/** @throws DOMException QuotaExceededError when the file took fewer bytes */
function writeAll(file: SlotFile, bytes: Uint8Array, at: number): void {
  const written = file.write(bytes, at);
  if (written === bytes.length) return;
  throw new DOMException(`${written} of ${bytes.length} bytes were written.`, 'QuotaExceededError');
}

function headerBytes({ number, bytes, checksum }: Header): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES);
  new Uint32Array(out.buffer, 0, 5).set([
    MAGIC,
    Slots.FORM,
    number,
    bytes % 2 ** 32,
    Math.floor(bytes / 2 ** 32),
  ]);
  out.set(new TextEncoder().encode(checksum), 20);
  return out;
}

/** Version of the file's header; null where it has none. */
function formOf(file: SlotFile): number | null {
  const words = new Uint32Array(2);
  const bytes = new Uint8Array(words.buffer);
  if (file.read(bytes, 0) < bytes.length) return null;
  const [magic, version] = words;
  return magic === MAGIC ? version! : null;
}

function headerOf(file: SlotFile): Header | null {
  const bytes = new Uint8Array(HEADER_BYTES);
  if (file.read(bytes, 0) < HEADER_BYTES) return null;
  const [magic, version, number, low, high] = new Uint32Array(bytes.buffer, 0, 5);
  if (magic !== MAGIC || version !== Slots.FORM) return null;
  return {
    number: number!,
    bytes: low! + high! * 2 ** 32,
    checksum: new TextDecoder().decode(bytes.subarray(20)),
  };
}

/**
 * The newest complete save. Headers are compared first, so that no save is read in full for an older one that is not
 * needed.
 */
async function newestOf(files: readonly SlotFile[]): Promise<Slot | null> {
  for (const slot of byNumber(files)) {
    if (await isWhole(slot)) return slot;
  }
  return null;
}

/** The saves by their headers, newest first. */
function byNumber(files: readonly SlotFile[]): Slot[] {
  const slots = files.flatMap((file) => {
    const header = headerOf(file);
    return header ? [{ file, header }] : [];
  });
  return slots.toSorted((a, b) => b.header.number - a.header.number);
}

/** Whether the bytes are the ones that were saved. */
async function isWhole({ file, header }: Slot): Promise<boolean> {
  if (file.size() !== HEADER_BYTES + header.bytes) return false;
  const sum = new Checksum();
  sum.add([header.number]);
  const piece = new Uint8Array(PIECE_BYTES);
  const pauses = new Pauses();
  for (let at = 0; at < header.bytes; at += piece.length) {
    // The pause comes before the read, so that nothing happens between the last read and the answer.
    await pauses.take();
    const part = piece.subarray(0, Math.min(piece.length, header.bytes - at));
    if (file.read(part, HEADER_BYTES + at) !== part.length) return false;
    sum.add(part);
  }
  return sum.hex() === header.checksum;
}
