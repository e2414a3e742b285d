/** Encodes words with the pairs of a loaded tokenizer. */
import { byteCharacters } from '../byteCharacters.ts';
import { JoiningEncoder } from '../joining.ts';
import { byteTokenName } from './characters.ts';
import type { LoadedModel } from './tokenizerFile.ts';

export function encoderOf(model: LoadedModel): JoiningEncoder {
  return model.words.kind === 'characters' ? new CharacterEncoder(model) : new ByteEncoder(model);
}

abstract class LoadedEncoder extends JoiningEncoder {
  /** Ids by name, of the vocabulary and of added tokens. */
  protected readonly ids: ReadonlyMap<string, number>;

  constructor({ pieces }: LoadedModel) {
    super();
    this.ids = new Map(pieces.flatMap((piece, id) => (piece === undefined ? [] : [[piece, id]])));
  }

  protected addMerges({ merges }: LoadedModel): void {
    for (let i = 0; i < merges.length; i += 3) this.addMerge(merges[i]!, merges[i + 1]!, merges[i + 2]!);
  }
}

/** Words begin as bytes. */
class ByteEncoder extends LoadedEncoder {
  readonly #ids: Int32Array;
  readonly #names = byteCharacters();
  readonly #takesWords: boolean;

  constructor(model: LoadedModel) {
    super(model);
    this.#ids = Int32Array.from(this.#names, (name) => this.ids.get(name)!);
    for (const id of this.#ids) this.addToken(id, 1);
    this.addMerges(model);
    this.#takesWords = model.ignoresMerges;
  }

  override encodeWord(bytes: Uint8Array, length = bytes.length): number[] {
    if (this.#takesWords) {
      const id = this.ids.get(Array.from(bytes.subarray(0, length), (byte) => this.#names[byte]).join(''));
      if (id !== undefined) return [id];
    }
    return super.encodeWord(bytes, length);
  }

  protected override idsOf(bytes: Uint8Array, length: number, ids: Int32Array, next: Int32Array): void {
    for (let at = 0; at < length; at++) {
      ids[at] = this.#ids[bytes[at]!]!;
      next[at] = at + 1;
    }
  }
}

/** Words begin as characters, and as bytes where the vocabulary lacks a character. */
class CharacterEncoder extends LoadedEncoder {
  /** The id of each code point that is a token. */
  readonly #characters = new Map<number, number>();
  readonly #bytes: Int32Array;

  constructor(model: LoadedModel) {
    super(model);
    for (const [piece, id] of this.ids) {
      const codePoint = piece.codePointAt(0)!;
      if (piece !== String.fromCodePoint(codePoint) || model.special.has(id)) continue;
      this.#characters.set(codePoint, id);
      this.addToken(id, new TextEncoder().encode(piece).length);
    }
    this.#bytes = Int32Array.from({ length: 256 }, (_, byte) => this.ids.get(byteTokenName(byte))!);
    for (const id of this.#bytes) this.addToken(id, 1);
    this.addMerges(model);
  }

  protected override idsOf(bytes: Uint8Array, length: number, ids: Int32Array, next: Int32Array): void {
    for (let at = 0; at < length; ) {
      const size = characterSize(bytes, at, length);
      const id = size === 0 ? undefined : this.#characters.get(codePointAt(bytes, at, size));
      const end = at + (size || 1);
      if (id !== undefined) {
        ids[at] = id;
        next[at] = end;
        at = end;
        continue;
      }
      // A part of a word may begin or end inside a character, which has bytes as its tokens in any case.
      for (; at < end; at++) {
        ids[at] = this.#bytes[bytes[at]!]!;
        next[at] = at + 1;
      }
    }
  }
}

/** Bytes of the character that begins at `at`; 0 where none begins or it is not complete. */
function characterSize(bytes: Uint8Array, at: number, length: number): number {
  const lead = bytes[at]!;
  const size = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return at + size <= length ? size : 0;
}

/** Decodes a complete character of valid UTF-8. */
function codePointAt(bytes: Uint8Array, at: number, size: number): number {
  if (size === 1) return bytes[at]!;
  let codePoint = bytes[at]! & (0x7f >> size);
  for (let i = 1; i < size; i++) codePoint = (codePoint << 6) | (bytes[at + i]! & 0x3f);
  return codePoint;
}
