import { describe, expect, test } from 'vitest';
import { EngineError } from '../../src/engine/core/errors.ts';
import { checksum } from '../../src/engine/data/checksum.ts';
import { splitText } from '../../src/engine/data/dataset.ts';
import { type TextStream, tokenize, tokenizeString } from '../../src/engine/data/tokenize.ts';
import { collectGarbage } from './collectGarbage.ts';

const encode = (text: string) => new TextEncoder().encode(text);

/** A stream of `bytes` in chunks of a given size, which counts how often it was opened. */
function streamOf(bytes: Uint8Array, chunk = 7) {
  const stream = {
    name: 'a text',
    size: bytes.length as number | null,
    opened: 0,
    async *open() {
      stream.opened += 1;
      for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
    },
  };
  return stream;
}

const refusal = async (stream: TextStream, kind: 'char' | 'byte' = 'char') => {
  const error = await tokenize(stream, kind).catch((cause: unknown) => cause);
  if (!(error instanceof EngineError)) throw new Error(`not refused: ${String(error)}`);
  return error;
};

describe('a streamed text', () => {
  const text = 'King Lear 😀, naïve\r\n\t“quoted”\rend';

  test.each(['char', 'byte'] as const)('%s: gives the same tokens wherever its chunks end', async (kind) => {
    const whole = tokenizeString(text, 'a text', kind);
    expect(whole.tokenizer.decode(whole.tokens)).toBe(text);
    expect(whole.checksum).toBe(checksum(encode(text)));
    for (let chunk = 1; chunk < 12; chunk++) {
      const streamed = await tokenize(streamOf(encode(text), chunk), kind);
      expect(streamed.tokens).toEqual(whole.tokens);
      expect(streamed.tokenizer.json).toEqual(whole.tokenizer.json);
      expect([streamed.bytes, streamed.checksum]).toEqual([whole.bytes, whole.checksum]);
    }
  });

  test.each(['char', 'byte'] as const)('%s: a byte order mark changes nothing', async (kind) => {
    const plain = await tokenize(streamOf(encode(text)), kind);
    for (const chunk of [1, 2, 3, 4, 100]) {
      const marked = await tokenize(streamOf(encode(`\ufeff${text}`), chunk), kind);
      expect(marked.tokens).toEqual(plain.tokens);
      expect([marked.bytes, marked.checksum]).toEqual([plain.bytes, plain.checksum]);
    }
  });

  test('tokens take one byte for up to 256 characters, and two for more', async () => {
    const characters = (count: number) =>
      String.fromCodePoint(...Array.from({ length: count }, (_, i) => 0x4e00 + i));
    const narrow = await tokenize(streamOf(encode(characters(256))), 'char');
    const wide = await tokenize(streamOf(encode(characters(257))), 'char');
    expect(narrow.tokens).toBeInstanceOf(Uint8Array);
    expect(wide.tokens).toBeInstanceOf(Uint16Array);
    expect(wide.tokenizer.decode(wide.tokens)).toBe(characters(257));
    expect((await tokenize(streamOf(encode(characters(257))), 'byte')).tokens).toBeInstanceOf(Uint8Array);
  });

  test('the splits are views of the tokens, not copies', async () => {
    const tokenized = await tokenize(streamOf(encode('abc\n'.repeat(100))), 'char');
    const { train, validation } = splitText(tokenized, 8);
    expect([train.buffer, validation.buffer]).toEqual([tokenized.tokens.buffer, tokenized.tokens.buffer]);
  });

  test('progress counts the bytes of both passes', async () => {
    const seen: string[] = [];
    await tokenize(streamOf(encode('0123456789'), 4), 'char', {
      onProgress: (progress) => {
        if (progress.stage === 'learning') return;
        seen.push(`${progress.stage}: ${progress.bytes} of ${progress.size}`);
      },
    });
    expect(seen).toEqual([
      'reading: 4 of 10',
      'reading: 8 of 10',
      'reading: 10 of 10',
      'tokenizing: 4 of 10',
      'tokenizing: 8 of 10',
      'tokenizing: 10 of 10',
    ]);
  });

  test.each(['reading', 'tokenizing'] as const)('can be cancelled while %s', async (stage) => {
    const abort = new AbortController();
    let after = 0;
    const reading = tokenize(streamOf(encode('a'.repeat(100))), 'char', {
      signal: abort.signal,
      onProgress: (progress) => {
        if (abort.signal.aborted) after += 1;
        if (progress.stage === stage) abort.abort();
      },
    });
    await expect(reading).rejects.toThrow(/abort/i);
    expect(after).toBe(0);
  });
});

describe('hostile texts', () => {
  test('a file of 2 GB is refused by its size, before a byte is read', async () => {
    const stream = { ...streamOf(encode('a')), size: 2 ** 31 };
    const error = await refusal(stream);
    expect(error.code).toBe('BAD_TEXT');
    expect(error.message).toContain(String(2 ** 31));
    expect(stream.opened).toBe(0);
  });

  test('a stream of unknown size is refused at the limit', async () => {
    const chunk = new Uint8Array(2 ** 26).fill(0x61);
    let given = 0;
    const stream: TextStream = {
      name: 'endless',
      size: null,
      async *open() {
        for (;;) {
          given += chunk.length;
          yield chunk;
        }
      },
    };
    const abort = new AbortController();
    // utf8.test.ts tests the limit of 1 GiB without reading so much. This test checks that reading can be aborted.
    await expect(
      tokenize(stream, 'byte', { signal: abort.signal, onProgress: () => abort.abort() }),
    ).rejects.toThrow(/abort/i);
    expect(given).toBe(2 * chunk.length);
  });

  test.each([
    ['empty', encode(''), /empty/],
    ['a mark and nothing else', encode('\ufeff'), /empty/],
    ['binary', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0), /binary: byte 7/],
    ['cut in the middle of a character', encode('abcdef😀').subarray(0, 8), /byte 6 \(0xf0\)/],
    [
      'Latin-1 after a chunk’s end',
      Uint8Array.of(0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0xe9, 0x61),
      /byte 7/,
    ],
  ])('%s', async (_, bytes, message) => {
    for (const kind of ['char', 'byte'] as const) {
      const error = await refusal(streamOf(bytes), kind);
      expect(error.code).toBe('BAD_TEXT');
      expect(error.message).toMatch(message);
    }
  });

  test.each([
    ['longer', 'abcabca'],
    ['shorter', 'abcab'],
    ['of other characters', 'abcabd'],
  ])('a text that is %s in the second pass is refused', async (_, second) => {
    let pass = 0;
    const stream: TextStream = {
      name: 'a text',
      size: null,
      async *open() {
        yield encode(pass++ === 0 ? 'abcabc' : second);
      },
    };
    expect((await refusal(stream)).message).toContain('changed while it was being read');
  });
});

test('tokenizing 24 MB needs little memory besides the tokens', async () => {
  const line = encode('It was the best of times, it was the worst of times, naïve or not;\n');
  const lines = Math.ceil(24e6 / line.length);
  const bytes = lines * line.length;
  const stream: TextStream = {
    name: 'generated',
    size: bytes,
    async *open() {
      const block = new Uint8Array(line.length * 1000);
      for (let i = 0; i < 1000; i++) block.set(line, i * line.length);
      for (let left = lines; left > 0; left -= 1000)
        yield block.subarray(0, Math.min(left, 1000) * line.length);
    },
  };
  const inUse = () => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  collectGarbage();
  const before = inUse();
  const bound = 1.8 * bytes;
  // Memory of dead buffers may be freed a while after a collection: collecting begins long before the bound.
  const collectAbove = 1.3 * bytes;
  let peak = 0;
  const { tokens } = await tokenize(stream, 'char', {
    onProgress: () => {
      if (inUse() - before >= collectAbove) collectGarbage();
      peak = Math.max(peak, inUse() - before);
    },
  });
  expect(tokens.length).toBe(bytes - lines); // one character of each line has two bytes
  expect(tokens).toBeInstanceOf(Uint8Array);
  console.log(`${peak} bytes at most, ${bound} allowed`);
  expect(peak).toBeLessThan(bound);
});
