/** The bytes that the ids of a loaded tokenizer stand for. */
import { byteCharacters } from '../byteCharacters.ts';
import { byteTokenName, SPACE_MARK } from './characters.ts';
import type { LoadedModel } from './tokenizerFile.ts';

/** Returns the bytes of each id; for an added token these are the bytes of its name, and undefined for an unused id. */
export function loadedBytes({ pieces, words, added }: LoadedModel): (Uint8Array | undefined)[] {
  const encoder = new TextEncoder();
  const bytesOf = words.kind === 'characters' ? markedBytes : byteLevelBytes();
  return pieces.map((piece) => {
    if (piece === undefined) return undefined;
    return (added.has(piece) ? null : bytesOf(piece)) ?? encoder.encode(piece);
  });
}

const BYTE_TOKENS = new Map(Array.from({ length: 256 }, (_, byte) => [byteTokenName(byte), byte]));

function markedBytes(piece: string): Uint8Array {
  const byte = BYTE_TOKENS.get(piece);
  return byte === undefined
    ? new TextEncoder().encode(piece.replaceAll(SPACE_MARK, ' '))
    : Uint8Array.of(byte);
}

/** Null for a piece with a character that stands for no byte. */
function byteLevelBytes(): (piece: string) => Uint8Array | null {
  const bytes = new Map(byteCharacters().map((character, byte) => [character, byte]));
  return (piece) => {
    const found = Array.from(piece, (character) => bytes.get(character));
    return found.includes(undefined) ? null : Uint8Array.from(found as number[]);
  };
}
