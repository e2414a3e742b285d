/** A file that is downloaded in one or several attempts. */
import { BlobParts, mebibytes } from '../engine/index.ts';
import type { SessionError } from './errorReport.ts';
import { nameOf, request, unavailable, type Wanted } from './request.ts';

export const MODEL: Wanted = {
  code: 'MODEL_UNAVAILABLE',
  otherwise: "download the model's files and choose them",
};

export interface PartialFileOptions {
  /** A larger file is refused. Left out where only the visitor's patience limits it. */
  readonly most?: number;
  /** A web page in place of it is refused by its first character as well as by its type. */
  readonly json?: boolean;
}

/**
 * Keeps what has arrived, on the browser's disk where it is large. Every request asks for the bytes from there on, so
 * that the first answer shows whether the server has HTTP ranges. A request for a range is answered uncompressed, and
 * its length is that of the file.
 */
export class PartialFile {
  readonly #url: URL;
  readonly #options: PartialFileOptions;
  #parts = new BlobParts();
  #size: number | null = null;
  #tag: string | null = null;
  #resumable: boolean | null = null;
  #whole: File | null = null;

  constructor(url: URL, options: PartialFileOptions = {}) {
    this.#url = url;
    this.#options = options;
  }

  get name(): string {
    return nameOf(this.#url);
  }

  /** Bytes that have arrived. */
  get bytes(): number {
    return this.#parts.bytes;
  }

  /** Bytes of the whole file; null where the server does not state it. */
  get size(): number | null {
    return this.#size;
  }

  /** Whether the server can send the rest of the file after a break; null before its first answer. */
  get resumable(): boolean | null {
    return this.#resumable;
  }

  /**
   * Downloads what is missing. Null where the server has no such file.
   * @param onBytes called after each piece
   * @throws the signal's reason when it is aborted; SessionError MODEL_UNAVAILABLE naming the address and why. What has
   * arrived is kept, unless it is wrong
   */
  async load(signal: AbortSignal, onBytes: () => void): Promise<File | null> {
    if (this.#whole) return this.#whole;
    const from = this.#parts.bytes;
    const response = await request(this.#url, MODEL, signal, { Range: `bytes=${from}-` });
    try {
      if (response.status === 404 || response.status === 410) return null;
      this.#begin(response, from);
      await this.#read(response, signal, onBytes);
    } finally {
      await response.body?.cancel().catch(() => undefined);
    }
    const file = new File([this.#parts.end('')], this.name);
    await this.#check(file);
    this.#whole = file;
    return file;
  }

  #begin(response: Response, from: number): void {
    // The answer to a range that begins at the end of a file or behind it.
    if (response.status === 416 && from === 0) this.#discard(EMPTY, IN_A_TAB);
    if (response.status === 416) this.#discard('it has fewer bytes than had arrived', AGAIN);
    if (!response.ok) this.#refuse(`the server answers HTTP ${response.status}`, IN_A_TAB);
    const { headers } = response;
    if (headers.get('content-type')?.includes('text/html')) this.#discard(WEB_PAGE, NOT_A_PAGE);
    this.#resumable = response.status === 206;
    const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '');
    if (this.#resumable && range && Number(range[1]) !== from) {
      this.#discard(`the server sends bytes from ${range[1]} instead of from ${from}`, AGAIN);
    }
    // A server without ranges sends the whole file again.
    if (!this.#resumable) this.#parts = new BlobParts();
    const length = headers.get('content-length');
    const encoded = (headers.get('content-encoding') ?? 'identity') !== 'identity';
    const rest = length === null || encoded ? null : Number(length) + this.#parts.bytes;
    const size = this.#resumable && range ? Number(range[2]) : rest;
    const tag = headers.get('etag');
    const changed = (before: unknown, now: unknown) => before !== null && now !== null && before !== now;
    if (this.#parts.bytes > 0 && (changed(this.#size, size) || changed(this.#tag, tag))) {
      this.#discard(`it has changed since its first ${from} bytes arrived`, AGAIN);
    }
    this.#size = size;
    this.#tag = tag;
    this.#limit(size ?? 0);
  }

  async #read({ body }: Response, signal: AbortSignal, onBytes: () => void): Promise<void> {
    const reader = body?.getReader();
    for (;;) {
      const { done, value } = (await reader?.read().catch((cause: unknown) => {
        signal.throwIfAborted();
        throw this.#interrupted(cause instanceof Error && cause.message ? ` (${cause.message})` : '');
      })) ?? { done: true };
      signal.throwIfAborted(); // a reader may still return buffered data after an abort
      if (done || !value) break;
      this.#parts.take(value);
      this.#limit(this.#parts.bytes);
      onBytes();
    }
    const { bytes } = this.#parts;
    if (this.#size !== null && bytes < this.#size) throw this.#interrupted('');
    if (this.#size !== null && bytes > this.#size) {
      if (this.#resumable)
        this.#discard(`it has ${bytes} bytes where the server announced ${this.#size}`, AGAIN);
      this.#size = null; // the announced length may be that of compressed bytes
    }
  }

  async #check(file: File): Promise<void> {
    if (file.size === 0) this.#discard(EMPTY, IN_A_TAB);
    const begin = await file.slice(0, 100).text();
    if (begin.startsWith('version https://git-lfs')) {
      this.#discard(
        'it is a Git LFS pointer in place of the file',
        "Enter the address from which the server sends the file's content.",
      );
    }
    if (this.#options.json && /^[\s\uFEFF]*</.test(begin)) this.#discard(WEB_PAGE, NOT_A_PAGE);
  }

  #limit(bytes: number): void {
    const { most = Number.POSITIVE_INFINITY } = this.#options;
    if (bytes > most)
      this.#discard(`it has more than the ${most} bytes that are read of such a file`, NOT_A_PAGE);
  }

  #interrupted(why: string): SessionError {
    const { bytes } = this.#parts;
    const of = this.#size === null ? '' : ` of ${this.#size}`;
    return unavailable(
      this.#url,
      MODEL.code,
      `the connection broke after ${bytes}${of} bytes${why}`,
      this.#resumable
        ? `${mebibytes(bytes)} of it are kept: load it again to continue there.`
        : 'This server sends only whole files, so that it starts again.',
    );
  }

  /** Refuses what arrived, and the rest of the file with it. */
  #discard(why: string, hint: string): never {
    this.#parts = new BlobParts();
    this.#size = null;
    this.#tag = null;
    return this.#refuse(why, hint);
  }

  #refuse(why: string, hint: string): never {
    throw unavailable(this.#url, MODEL.code, why, hint);
  }
}

const EMPTY = 'it is empty';
const WEB_PAGE = 'the server answers with a web page in its place';
const NOT_A_PAGE = 'Enter the address of the folder that has the files, or of a .gguf file.';
const IN_A_TAB = 'Open the address in a new tab to check it.';
const AGAIN = 'Load it again, from the beginning.';
