/** Collects bytes that arrive in pieces into one Blob, because browsers keep large Blobs on disk. */

/** Bytes after which the collected pieces become a Blob. */
const PART_BYTES = 8 * 2 ** 20;

export class BlobParts {
  readonly #parts: Blob[] = [];
  #held: Uint8Array<ArrayBuffer>[] = [];
  #heldBytes = 0;
  #bytes = 0;

  /** Bytes collected so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param piece must not be changed before `end` */
  take(piece: Uint8Array): void {
    this.#held.push(piece as Uint8Array<ArrayBuffer>);
    this.#heldBytes += piece.length;
    this.#bytes += piece.length;
    if (this.#heldBytes >= PART_BYTES) this.#flush();
  }

  end(type: string): Blob {
    this.#flush();
    return new Blob(this.#parts, { type });
  }

  #flush(): void {
    this.#parts.push(new Blob(this.#held));
    this.#held = [];
    this.#heldBytes = 0;
  }
}

/** @param pieces must not be changed before the promise resolves */
export async function blobOf(pieces: AsyncIterable<Uint8Array>, type = ''): Promise<Blob> {
  const parts = new BlobParts();
  for await (const piece of pieces) parts.take(piece);
  return parts.end(type);
}
