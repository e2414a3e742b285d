import { expect, test } from 'vitest';
import { checkTextSize, MAX_TEXT_BYTES, Utf8Reader } from '../../src/engine/data/utf8.ts';
import { thrownBy } from './thrownBy.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

/** Reads `bytes` in chunks of a given size. */
function decode(bytes: Uint8Array, chunk = bytes.length): string {
  const reader = new Utf8Reader('a.txt');
  const characters: string[] = [];
  for (let at = 0; at < bytes.length; at += chunk) {
    for (const codePoint of reader.push(bytes.subarray(at, at + chunk))) {
      characters.push(String.fromCodePoint(codePoint));
    }
  }
  reader.end();
  return characters.join('');
}

const ascii = (text: string) => [...text].map((character) => character.charCodeAt(0));

test('valid UTF-8 of every length, without its byte order mark', () => {
  const text = 'a é € 😀 \u{10ffff}';
  const utf8 = new TextEncoder().encode(text);
  const marked = new TextEncoder().encode(`\ufeff${text}`);
  for (let chunk = 1; chunk <= marked.length; chunk++) {
    expect(decode(utf8, chunk)).toBe(text);
    expect(decode(marked, chunk)).toBe(text);
  }
});

test('it agrees with the browser’s decoder, also on line ends and a second mark', () => {
  const text = '\ufeff\ufeffa\r\nb\rc\n\ud7ff\ue000\u{10000}\u0080\u07ff\u0800\uffff';
  const utf8 = new TextEncoder().encode(text);
  expect(decode(utf8, 2)).toBe(new TextDecoder('utf-8', { fatal: true }).decode(utf8));
});

test('it counts bytes without the mark', () => {
  const reader = new Utf8Reader('a.txt');
  reader.push(bytes(0xef, 0xbb));
  reader.push(bytes(0xbf, 0x61));
  expect([reader.bytes, reader.markBytes]).toEqual([1, 3]);
});

test('an empty file', () => {
  const error = thrownBy(() => decode(bytes()));
  expect(error.code).toBe('BAD_TEXT');
  expect(error.isUsage).toBe(true);
  expect(error.message).toContain('empty');
});

test('a mark alone is an empty file', () => {
  expect(thrownBy(() => decode(bytes(0xef, 0xbb, 0xbf))).message).toContain('empty');
});

test('a binary file', () => {
  const error = thrownBy(() => decode(bytes(...ascii('PK'), 3, 4, 0, 0), 3));
  expect(error.code).toBe('BAD_TEXT');
  expect(error.message).toContain('byte 4 is NUL');
});

test('UTF-16 with a byte order mark', () => {
  expect(thrownBy(() => decode(bytes(0xff, 0xfe, 0x61, 0))).message).toContain('UTF-16');
  expect(thrownBy(() => decode(bytes(0xfe, 0xff, 0, 0x61))).message).toContain('UTF-16');
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
  for (const chunk of [1, 2, 100]) {
    const error = thrownBy(() => decode(bytes(...ascii('abc'), ...wrong), chunk));
    expect(error.code).toBe('BAD_TEXT');
    expect(error.message).toContain(`byte ${offset} (0x${(offset === 3 ? wrong[0] : 0xe2)?.toString(16)})`);
  }
});

test.each([
  ['empty', []],
  ['only a byte order mark', [0xef, 0xbb, 0xbf]],
  ['binary', [0x61, 0]],
  ['UTF-16', [0xff, 0xfe]],
  ['not UTF-8', [0x61, 0xe9, 0x61]],
])('the message names the text that is %s', (_, content) => {
  expect(thrownBy(() => decode(bytes(...content))).message).toMatch(/^The text "a\.txt" is /);
});

test('a text too large for a browser names both sizes', () => {
  const error = thrownBy(() => checkTextSize('a.txt', MAX_TEXT_BYTES + 1));
  expect(error.message).toContain(String(MAX_TEXT_BYTES + 1));
  expect(error.message).toContain('1024 MiB');
});
