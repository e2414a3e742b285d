import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenizerJson } from '../../src/engine/checkpoint/huggingface.ts';
import { learnPairs, WordCutter } from '../../src/engine/data/bpe.ts';
import { tokenize, tokenizeString } from '../../src/engine/data/tokenize.ts';
import { createTokenizer } from '../../src/engine/data/tokenizer.ts';
import { readTokenizerJson } from '../../src/engine/data/tokenizerJson.ts';
import { presetOf } from '../../src/engine/model/presets.ts';
import { configure } from '../../src/engine/train/configure.ts';
import { thrownBy } from './thrownBy.ts';

const TEXT = "It's low, lower, the lowest; don't we'll 1234 naïve 😀  new\n\nnewer ".repeat(3);
const bytes = (text: string) => [...new TextEncoder().encode(text)];

/** All counts anew for every pair: slow, and with nothing to keep up to date. */
function learnPlainly(words: ReadonlyMap<string, number>, vocabulary: number): number[] {
  let all = [...words].map(([word, count]) => ({ ids: bytes(word), count }));
  const learned: number[] = [];
  for (let id = 256; id < vocabulary; id++) {
    const counts = new Map<string, number>();
    for (const { ids, count } of all) {
      for (let i = 1; i < ids.length; i++) {
        const pair = `${ids[i - 1]} ${ids[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + count);
      }
    }
    const ranked = [...counts]
      .map(([pair, count]) => ({ pair: pair.split(' ').map(Number) as [number, number], count }))
      .sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]);
    const best = ranked[0];
    if (!best || best.count < 2) break;
    const [first, second] = best.pair;
    learned.push(first, second);
    all = all.map(({ ids, count }) => {
      const joined: number[] = [];
      for (let i = 0; i < ids.length; i++) {
        const fits = ids[i] === first && ids[i + 1] === second;
        joined.push(fits ? id : ids[i]!);
        if (fits) i += 1;
      }
      return { ids: joined, count };
    });
  }
  return learned;
}

test('pairs are those that counting anew each time finds, on 300 sets of words', () => {
  const words = fc
    .array(fc.tuple(fc.stringMatching(/^[ab]{1,6}c{0,2}$/), fc.integer({ min: 1, max: 9 })), {
      maxLength: 12,
    })
    .map((entries) => new Map(entries));
  fc.assert(
    fc.property(words, (counts) => {
      expect(learnPairs(counts, 280)).toEqual(learnPlainly(counts, 280));
    }),
    { numRuns: 300, seed: 5 },
  );
});

test('words are GPT-2’s, wherever the pieces of a text end', () => {
  const whole = new WordCutter();
  const words = [...whole.push(TEXT), ...whole.end()];
  expect(words.slice(0, 8)).toEqual(['It', "'s", ' low', ',', ' lower', ',', ' the', ' lowest']);
  expect(words.join('')).toBe(TEXT);
  for (let size = 1; size < 9; size++) {
    const cutter = new WordCutter();
    const found: string[] = [];
    for (let at = 0; at < TEXT.length; at += size) found.push(...cutter.push(TEXT.slice(at, at + size)));
    expect([...found, ...cutter.end()]).toEqual(words);
  }
});

test('any text comes back, in one piece, streamed, and token by token', async () => {
  const learned = tokenizeString(TEXT, 'a text', 'bpe:300').tokenizer;
  expect(learned.vocabulary).toBeGreaterThan(280);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), (first, second) => {
      const text = first + TEXT.slice(0, 20) + second;
      const ids = learned.encode(text);
      expect(learned.decode(ids)).toBe(text);
      const decode = learned.decoder();
      expect(Array.from(ids, decode).join('')).toBe(text);
    }),
    { numRuns: 2000, seed: 6 },
  );
  const data = new TextEncoder().encode(`\ufeff${TEXT}`);
  const stream = {
    name: 'a text',
    size: null,
    async *open() {
      for (let at = 0; at < data.length; at += 5) yield data.subarray(at, at + 5);
    },
  };
  const streamed = await tokenize(stream, 'bpe:300');
  const whole = tokenizeString(TEXT, 'a text', 'bpe:300');
  expect(streamed.tokens).toEqual(whole.tokens);
  expect([...whole.tokens]).toEqual([...learned.encode(TEXT)]);
  expect(streamed.tokenizer.json).toEqual(whole.tokenizer.json);
  expect(whole.tokens.length).toBeLessThan(TEXT.length / 1.5);
});

test('what a model may write never fails to decode', () => {
  const tokenizer = createTokenizer({ kind: 'bpe', pairs: [0x61, 0x62] });
  expect(tokenizer.decode([256, 0xc3, 0x21, 999])).toBe('ab\ufffd!\ufffd');
  expect([tokenizer.name(256), tokenizer.name(0xc3)]).toEqual(['ab', '0xc3']);
});

test('one word of 20,000 letters is cut, and comes back', () => {
  const letters = Array.from({ length: 20_000 }, (_, i) =>
    String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000)),
  );
  const { tokens, tokenizer } = tokenizeString(letters.join(''), 'a text', 'bpe:400');
  expect(tokenizer.decode(tokens)).toBe(letters.join(''));
});

test('the number of tokens is checked with the configuration', () => {
  const { config } = presetOf('smoke');
  expect(configure(config, { tokenizer: 'bpe:1024' }).tokenizer).toBe('bpe:1024');
  for (const tokenizer of ['bpe:255', 'bpe:65537', 'bpe:1e3', 'bpe:'] as const) {
    const error = thrownBy(() => configure(config, { tokenizer: tokenizer as 'bpe:1024' }));
    expect([error.code, error.message]).toEqual(['BAD_VALUE', `tokenizer is "${tokenizer}".`]);
  }
});

test('it is read back from its JSON, and a damaged one is refused', () => {
  const { json } = tokenizeString(TEXT, 'a text', 'bpe:300').tokenizer;
  expect(readTokenizerJson(JSON.stringify(json), 'm')).toEqual(json);
  const error = thrownBy(() => readTokenizerJson('{"kind":"bpe","pairs":[97,98,256,257]}', 'm'));
  expect(error.message).toBe('"m" has a tokenizer that has 257 in pair 1, which is no token before it.');
});

test('Hugging Face gets its tokens and merges by their names', () => {
  const { model, pre_tokenizer } = JSON.parse(tokenizerJson({ kind: 'bpe', pairs: [0x20, 0x61, 256, 0x62] }));
  expect(model.vocab).toMatchObject({ Ġa: 256, Ġab: 257 });
  expect(model.merges).toEqual(['Ġ a', 'Ġa b']);
  expect(pre_tokenizer).toMatchObject({ type: 'ByteLevel', use_regex: true });
});
