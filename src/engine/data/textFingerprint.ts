import { Checksum } from './checksum.ts';
import type { Utf8Reader } from './utf8.ts';

const MARK_BYTES = 3;

/** The checksum of a text that arrives in pieces, without its byte order mark. */
export class TextFingerprint {
  readonly #checksum = new Checksum();
  /** The first bytes are held back until it is known whether they are a byte order mark. */
  #head: number[] | null = [];

  /** @param reader has already read the piece, so that it knows the byte order mark */
  add(piece: Uint8Array, { markBytes }: Pick<Utf8Reader, 'markBytes'>): void {
    if (!this.#head) {
      this.#checksum.add(piece);
      return;
    }
    this.#head.push(...piece.subarray(0, MARK_BYTES));
    if (this.#head.length < MARK_BYTES) return;
    this.#checksum.add(this.#head.slice(markBytes));
    this.#head = null;
    this.#checksum.add(piece.subarray(MARK_BYTES));
  }

  hex(): string {
    if (this.#head) this.#checksum.add(this.#head);
    this.#head = null;
    return this.#checksum.hex();
  }
}
