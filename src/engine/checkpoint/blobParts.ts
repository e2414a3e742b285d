/** Bytes that arrive in pieces, as one Blob: the browser keeps many of them on disk. */

/** Bytes that are handed to the browser at a time. */
const PART_BYTES = 8 * 2 ** 20;

export class BlobParts {
  readonly #parts: Blob[] = [];
  #held: Uint8Array<ArrayBuffer>[] = [];
  #heldBytes = 0;
  #bytes = 0;

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param piece not to be changed before `end` */
  take(piece: Uint8Array): void {
    this.#held.push(piece as Uint8Array<ArrayBuffer>);
    this.#heldBytes += piece.length;
    this.#bytes += piece.length;
    if (this.#heldBytes >= PART_BYTES) this.#handOn();
  }

  end(type: string): Blob {
    this.#handOn();
    return new Blob(this.#parts, { type });
  }

  #handOn(): void {
    this.#parts.push(new Blob(this.#held));
    this.#held = [];
    this.#heldBytes = 0;
  }
}

/** @param pieces each as `take` has it */
export async function blobOf(pieces: AsyncIterable<Uint8Array>, type = ''): Promise<Blob> {
  const parts = new BlobParts();
  for await (const piece of pieces) parts.take(piece);
  return parts.end(type);
}
