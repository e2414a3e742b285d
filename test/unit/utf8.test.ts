import { expect, test } from 'vitest';
import { checkTextSize, decodeUtf8, MAX_TEXT_BYTES } from '../../src/engine/data/utf8.ts';
import { thrownBy } from './thrownBy.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const ascii = (text: string) => [...text].map((character) => character.charCodeAt(0));

test('valid UTF-8 of every length, without its byte order mark', () => {
  const text = 'a é € 😀 \u{10ffff}';
  expect(decodeUtf8(new TextEncoder().encode(text))).toBe(text);
  expect(decodeUtf8(new TextEncoder().encode(`\ufeff${text}`))).toBe(text);
});

test('an empty file', () => {
  const error = thrownBy(() => decodeUtf8(bytes()));
  expect(error.code).toBe('BAD_TEXT');
  expect(error.isUsage).toBe(true);
  expect(error.message).toContain('empty');
});

test('a binary file', () => {
  const error = thrownBy(() => decodeUtf8(bytes(...ascii('PK'), 3, 4, 0, 0)));
  expect(error.code).toBe('BAD_TEXT');
  expect(error.message).toContain('byte 4 is NUL');
});

test('UTF-16 with a byte order mark', () => {
  expect(thrownBy(() => decodeUtf8(bytes(0xff, 0xfe, 0x61, 0))).message).toContain('UTF-16');
  expect(thrownBy(() => decodeUtf8(bytes(0xfe, 0xff, 0, 0x61))).message).toContain('UTF-16');
});

test.each([
  ['a Latin-1 letter', [0xe9, 0x6c], 3],
  ['a lone continuation byte', [0x80], 3],
  ['an overlong form of two bytes', [0xc0, 0xaf], 3],
  ['an overlong form of three bytes', [0xe0, 0x80, 0xaf], 3],
  ['an overlong form of four bytes', [0xf0, 0x8f, 0xbf, 0xbf], 3],
  ['a surrogate', [0xed, 0xa0, 0x80], 3],
  ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 3],
  ['a byte that no character has', [0xf8, 0x88, 0x80, 0x80, 0x80], 3],
  ['a character that the end cuts off', [0xe2, 0x82, 0xac, 0xe2, 0x82], 6],
])('%s: the message names the byte', (_, wrong, offset) => {
  const error = thrownBy(() => decodeUtf8(bytes(...ascii('abc'), ...wrong)));
  expect(error.code).toBe('BAD_TEXT');
  expect(error.message).toContain(`byte ${offset} (0x${(offset === 3 ? wrong[0] : 0xe2)?.toString(16)})`);
});

test('a text too large for a browser names both sizes', () => {
  const error = thrownBy(() => checkTextSize(MAX_TEXT_BYTES + 1));
  expect(error.message).toContain(String(MAX_TEXT_BYTES + 1));
  expect(error.message).toContain('256 MiB');
});
