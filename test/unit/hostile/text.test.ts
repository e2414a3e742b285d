/** 10,000 damaged texts, in chunks cut anywhere: read as the browser's strict decoder reads them, or refused. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EngineError } from '../../../src/engine/core/errors.ts';
import { Utf8Reader } from '../../../src/engine/data/utf8.ts';
import { damaged, RUNS } from './damage.ts';

const TEXT = 'King Lear 😀, naïve\r\n\t“quoted” \u{10ffff}\ud7ff\ue000\u0080\u07ff\u0800\uffff';
const texts = [TEXT, `\ufeff${TEXT}`].map((text) => new TextEncoder().encode(text));

function read(bytes: Uint8Array, chunk: number): string | null {
  const reader = new Utf8Reader('a.txt');
  let text = '';
  try {
    for (let at = 0; at < bytes.length; at += chunk) {
      text += String.fromCodePoint(...reader.push(bytes.subarray(at, at + chunk)));
    }
    reader.end();
    return text;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'BAD_TEXT') return null;
    throw error;
  }
}

/** The platform decoder's result, except for texts that cannot be trained on. */
function expected(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text === '' || text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

test('texts', () => {
  let sound = 0;
  fc.assert(
    fc.property(damaged(...texts), fc.integer({ min: 1, max: 90 }), (bytes, chunk) => {
      const text = expected(bytes);
      if (text !== null) sound += 1;
      expect(read(bytes, chunk)).toBe(text);
    }),
    RUNS,
  );
  expect(sound).toBeGreaterThan(500);
});
