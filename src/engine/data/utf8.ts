/** Bytes of a file to text, refusing what is not text. */
import { EngineError } from '../errors.ts';

/** Larger files would not fit beside their tokens in a browser's memory. */
export const MAX_TEXT_BYTES = 256 * 2 ** 20;

/**
 * Strict UTF-8; a byte order mark at the start is dropped.
 * @throws EngineError BAD_TEXT for bytes that are empty, too many, binary (with a NUL) or not UTF-8
 */
export function decodeUtf8(bytes: Uint8Array): string {
  checkTextSize(bytes.length);
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw new EngineError(
      'BAD_TEXT',
      'The file is UTF-16, not UTF-8: it starts with a UTF-16 byte order mark.',
      'Save it as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8 FILE.',
    );
  }
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    throw new EngineError(
      'BAD_TEXT',
      `The file is binary, not text: byte ${nul} is NUL.`,
      'Give a plain text file in UTF-8.',
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const offset = firstInvalidByte(bytes);
    const value = bytes[offset]!.toString(16).padStart(2, '0');
    throw new EngineError(
      'BAD_TEXT',
      `The file is not valid UTF-8: byte ${offset} (0x${value}) begins no character.`,
      'Save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE.',
      { cause },
    );
  }
}

/** @throws EngineError BAD_TEXT when a file of so many bytes is empty or too large to train on */
export function checkTextSize(bytes: number): void {
  if (bytes === 0) {
    throw new EngineError(
      'BAD_TEXT',
      'The text is empty.',
      'Give a text of at least a few thousand characters.',
    );
  }
  if (bytes > MAX_TEXT_BYTES) {
    throw new EngineError(
      'BAD_TEXT',
      `The text has ${bytes} bytes; at most ${MAX_TEXT_BYTES} (${MAX_TEXT_BYTES / 2 ** 20} MiB) can be loaded.`,
      'Cut it: a model of this size learns no more from a longer text.',
    );
  }
}

/** Offset at which the first malformed sequence starts (Unicode 16.0, table 3-7), or the length if there is none. */
function firstInvalidByte(bytes: Uint8Array): number {
  let i = 0;
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i);
    if (length === 0) return i;
    i += length;
  }
  return i;
}

/** Bytes of the well-formed character at `i`, or 0. */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const lead = bytes[i]!;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  // Overlong forms, surrogates and code points above U+10FFFF are excluded by the second byte.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  for (let k = 1; k < length; k++) {
    const byte = bytes[i + k] ?? 0;
    if (byte < (k === 1 ? low : 0x80) || byte > (k === 1 ? high : 0xbf)) return 0;
  }
  return length;
}
