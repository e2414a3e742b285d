import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assembleText } from '../../build/assembleTexts.ts';
import { tokenizerJson } from '../../src/engine/checkpoint/huggingface.ts';
import { configure } from '../../src/engine/config/configure.ts';
import { presetOf } from '../../src/engine/config/presets.ts';
import { learnPairs } from '../../src/engine/data/bpe.ts';
import { checksum } from '../../src/engine/data/checksum.ts';
import { tokenize, tokenizeString } from '../../src/engine/data/tokenize.ts';
import { createTokenizer, type TokenizerJson } from '../../src/engine/data/tokenizer.ts';
import { readTokenizerJson } from '../../src/engine/data/tokenizerJson.ts';
import { countedWords, finished } from './countedWords.ts';
import { thrownBy } from './thrownBy.ts';

const TEXT = "It's low, lower, the lowest; don't we'll 1234 naïve 😀  new\n\nnewer ".repeat(3);
const BPE_WORDS: { exported: string; pairs: number[]; cases: { text: string; ids: number[] }[] } = JSON.parse(
  readFileSync(new URL('../fixtures/bpe_words.json', import.meta.url), 'utf8'),
);
const bytes = (text: string) => [...new TextEncoder().encode(text)];

/** Learns pairs by counting again for every pair, which is slow but simple. */
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

test('learned pairs equal those of counting again each time, on 300 sets of words', () => {
  const words = fc
    .array(fc.tuple(fc.stringMatching(/^[ab]{1,6}c{0,2}$/), fc.integer({ min: 1, max: 9 })), {
      maxLength: 12,
    })
    .map((entries) => new Map(entries));
  fc.assert(
    fc.property(words, (counts) => {
      expect(finished(learnPairs(countedWords(counts), 280))).toEqual(learnPlainly(counts, 280));
    }),
    { numRuns: 300, seed: 5 },
  );
});

test('any text is decoded exactly, in one piece, streamed, and token by token', async () => {
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

test('decoding never fails for tokens that a model may produce', () => {
  const tokenizer = createTokenizer({ kind: 'bpe', pairs: [0x61, 0x62] });
  expect(tokenizer.decode([256, 0xc3, 0x21, 999])).toBe('ab\ufffd!\ufffd');
  expect([tokenizer.name(256), tokenizer.name(0xc3)]).toEqual(['ab', '0xc3']);
});

test('one word of 20,000 letters is decoded exactly', () => {
  const letters = Array.from({ length: 20_000 }, (_, i) =>
    String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000)),
  );
  const { tokens, tokenizer } = tokenizeString(letters.join(''), 'a text', 'bpe:400');
  expect(tokenizer.decode(tokens)).toBe(letters.join(''));
});

test('Moby Dick has the same pairs and tokens as in earlier versions', () => {
  const { tokenizer, reading } = tokenizeString(assembleText('moby-dick'), 'Moby Dick', 'bpe:1024');
  const { pairs } = tokenizer.json as Extract<TokenizerJson, { kind: 'bpe' }>;
  expect([checksum(pairs), reading.tokens]).toEqual(['93849b59c810965f', 'f706cd02f8a32aea']);
  expect(reading).toMatchObject({ endMarks: 0, unlearned: 0, readingChanged: false });
});

test('another program gives the same ids with an exported file, for any text', () => {
  const json: TokenizerJson = { kind: 'bpe', pairs: BPE_WORDS.pairs };
  expect(createHash('sha256').update(tokenizerJson(json)).digest('hex')).toBe(BPE_WORDS.exported);
  const tokenizer = createTokenizer(json);
  expect(BPE_WORDS.cases.length).toBeGreaterThan(400);
  for (const { text, ids } of BPE_WORDS.cases) {
    expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
  }
});

test('texts that earlier versions tokenized differently are marked', () => {
  const otherwise = (text: string) =>
    tokenizeString(`${text} ${TEXT}`, 'a text', 'bpe:300').reading.readingChanged;
  expect([otherwise('-'.repeat(64)), otherwise('😀'.repeat(64)), otherwise('a b')]).toEqual([
    false,
    false,
    false,
  ]);
  expect([otherwise('-'.repeat(65)), otherwise('a\ufeffb'), otherwise('a\u0085b')]).toEqual([
    true,
    true,
    true,
  ]);
});

test('the number of tokens is checked with the configuration', () => {
  const { config } = presetOf('smoke');
  expect(configure(config, { tokenizer: 'bpe:1024' }).tokenizer).toBe('bpe:1024');
  for (const tokenizer of ['bpe:255', 'bpe:65537', 'bpe:1e3', 'bpe:'] as const) {
    const error = thrownBy(() => configure(config, { tokenizer: tokenizer as 'bpe:1024' }));
    expect([error.code, error.message]).toEqual(['BAD_VALUE', `tokenizer is "${tokenizer}".`]);
  }
});

test('a tokenizer is restored from its JSON, and damaged JSON is refused', () => {
  const { json } = tokenizeString(TEXT, 'a text', 'bpe:300').tokenizer;
  expect(readTokenizerJson(JSON.stringify(json), 'm')).toEqual(json);
  const error = thrownBy(() => readTokenizerJson('{"kind":"bpe","pairs":[97,98,256,257]}', 'm'));
  expect(error.message).toBe('"m" has a tokenizer that has 257 in pair 1, which is not an earlier token.');
});

test('the export for Hugging Face has its tokens and merges by name', () => {
  const { model, pre_tokenizer } = JSON.parse(tokenizerJson({ kind: 'bpe', pairs: [0x20, 0x61, 256, 0x62] }));
  expect(model.vocab).toMatchObject({ Ġa: 256, Ġab: 257 });
  expect(model.merges).toEqual(['Ġ a', 'Ġa b']);
  expect(pre_tokenizer).toMatchObject({ type: 'ByteLevel', use_regex: true });
});
