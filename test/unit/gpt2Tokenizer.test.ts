/** Compares GPT-2's tokenizer with the published encoder, which merges pairs with its own code. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { encode } from 'gpt-tokenizer/encoding/r50k_base';
import { beforeAll, expect, test } from 'vitest';
import { configJson } from '../../src/engine/checkpoint/configJson.ts';
import { tokenizerConfigJson, tokenizerJson } from '../../src/engine/checkpoint/huggingface.ts';
import { GPT2_KINDS } from '../../src/engine/config/gptConfig.ts';
import { gpt2Model, loadGpt2 } from '../../src/engine/data/gpt2.ts';
import { PairEncoder } from '../../src/engine/data/pairModel.ts';
import { streamOf, tokenize, tokenizeString } from '../../src/engine/data/tokenize.ts';
import {
  choiceOf,
  choiceOfModel,
  createTokenizer,
  mostTokens,
  type Tokenizer,
  tokenizerOfModel,
} from '../../src/engine/data/tokenizer.ts';
import { readTokenizerJson } from '../../src/engine/data/tokenizerJson.ts';

let gpt2: Tokenizer;
beforeAll(async () => {
  await loadGpt2();
  gpt2 = createTokenizer({ kind: 'gpt2' });
});

const published = (text: string) => encode(text, { disallowedSpecial: new Set() });

test('known texts have the ids that GPT-2 was trained with', () => {
  const ids = (text: string) => [...gpt2.encode(text)];
  expect(ids('Hello world')).toEqual([15496, 995]);
  expect(ids(" don't\n\n  é☃😀")).toEqual([836, 470, 628, 220, 38251, 24583, 225, 47249, 222]);
  // The name of a special token is ordinary text.
  expect(ids('<|endoftext|>')).toEqual([27, 91, 437, 1659, 5239, 91, 29]);
  expect([gpt2.vocabulary, mostTokens('gpt2'), gpt2.name(50256)]).toEqual([50257, 50257, '<|endoftext|>']);
});

test('texts with Unicode white space have the ids that three other programs give', () => {
  const cases: { name: string; text: string; ids: number[] }[] = JSON.parse(
    readFileSync(new URL('../fixtures/gpt2_words.json', import.meta.url), 'utf8'),
  );
  expect(cases.length).toBeGreaterThan(5);
  for (const { name, text, ids } of cases) {
    expect([...gpt2.encode(text)], name).toEqual(ids);
    expect([...tokenizeString(`.${text}`, name, 'gpt2').tokens], name).toEqual([...gpt2.encode(`.${text}`)]);
    expect(gpt2.decode(ids), name).toBe(text);
  }
});

test('any text has the ids of the published encoder, and is decoded exactly', () => {
  const text = fc.array(
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.lorem({ mode: 'sentences' })),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(text, (parts) => {
      // The published encoder uses JavaScript's white space instead of Unicode's.
      const whole = parts.join(' ').replace(/[\u0085\ufeff]/g, '');
      const ids = gpt2.encode(whole);
      expect([...ids]).toEqual(published(whole));
      expect(gpt2.decode(ids)).toBe(whole);
    }),
    { numRuns: 2000, seed: 8 },
  );
});

test('a text in pieces of any size has the same ids, two bytes each', async () => {
  const text = "It's low, lower,   the lowest; 1234 naïve 😀\n".repeat(9);
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 7, bytes.length]) {
    const stream = {
      ...streamOf('a text', bytes),
      async *open() {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      },
    };
    const { tokens, tokenizer } = await tokenize(stream, 'gpt2');
    expect([...tokens]).toEqual(published(text));
    expect([tokens.BYTES_PER_ELEMENT, tokenizer.json]).toEqual([2, { kind: 'gpt2' }]);
  }
});

test('`<|endoftext|>` becomes the token that ends a document if asked for', async () => {
  const ended = createTokenizer({ kind: 'gpt2', endOfText: true });
  const texts = [
    ['one<|endoftext|>two', [505, 50256, 11545]],
    ['<|endoftext|><|endoftext|>', [50256, 50256]],
    // White space before the mark is at the end of a text, so it is one word.
    ['a  <|endoftext|> b', [64, 220, 220, 50256, 275]],
    ['<<|endoftext|>', [27, 50256]],
    ['<|endoftext<|endoftext|>', [27, 91, 437, 1659, 5239, 50256]],
    ["it'<|endoftext|>s", [270, 6, 50256, 82]],
  ] as const;
  for (const [text, ids] of texts) {
    expect([...ended.encode(text)], text).toEqual(ids);
    expect(ended.decode(ids), text).toBe(text);
  }
  const text = texts.map(([one]) => one).join('|endoftext|> <|');
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 5, bytes.length]) {
    const stream = {
      ...streamOf('a text', bytes),
      async *open() {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      },
    };
    const { tokens, reading, tokenizer } = await tokenize(stream, 'gpt2-eot');
    expect([...tokens]).toEqual([...ended.encode(text)]);
    expect(tokens.filter((id) => id === 50256)).toHaveLength(reading.endMarks);
    expect(readTokenizerJson(JSON.stringify(tokenizer.json), 'm')).toEqual({ kind: 'gpt2', endOfText: true });
    expect((await tokenize(stream, 'gpt2')).reading.endMarks).toBe(reading.endMarks);
  }
  expect([mostTokens('gpt2-eot'), choiceOf(ended.json), choiceOf(gpt2.json)]).toEqual([
    50257,
    'gpt2-eot',
    'gpt2',
  ]);
});

test('of a model with GPT-2’s tokenizer, the run decides only what `<|endoftext|>` means', () => {
  expect(tokenizerOfModel({ kind: 'gpt2' }, 'gpt2-eot')).toEqual({ kind: 'gpt2', endOfText: true });
  expect(tokenizerOfModel({ kind: 'gpt2', endOfText: true }, 'gpt2')).toEqual({ kind: 'gpt2' });
  expect(tokenizerOfModel({ kind: 'gpt2', endOfText: true }, 'char')).toEqual({
    kind: 'gpt2',
    endOfText: true,
  });
  expect(tokenizerOfModel({ kind: 'byte' }, 'gpt2-eot')).toEqual({ kind: 'byte' });
  expect([
    choiceOfModel('gpt2', 'gpt2-eot'),
    choiceOfModel('gpt2-eot', null),
    choiceOfModel('byte', 'gpt2'),
  ]).toEqual(['gpt2-eot', 'gpt2-eot', 'byte']);
});

test('very long words have the ids of the whole word, wherever pieces end', () => {
  const encoder = new PairEncoder(gpt2Model());
  const words = ['é'.repeat(30_000), '!'.repeat(66_000), '\n'.repeat(20_000), 'etaoin'.repeat(9000)];
  // The last white-space character belongs to the next word.
  const text = `${words.join('')}`;
  const bytes = (word: string) => new TextEncoder().encode(word);
  const ids = [words[0]!, words[1]!, words[2]!.slice(1), '\n', words[3]!].flatMap((word) =>
    encoder.encode(bytes(word)),
  );
  expect([...tokenizeString(text, 'a text', 'gpt2').tokens]).toEqual(ids);
  expect([...gpt2.encode(text)]).toEqual(ids);
});

test('pairs are joined as by searching for the earliest pair each time', () => {
  const pairs = [97, 97, 256, 97, 97, 98, 258, 256, 98, 98];
  const plainly = (bytes: readonly number[]): number[] => {
    let ids = [...bytes];
    for (let pair = 0; pair < pairs.length / 2; pair++) {
      const joined: number[] = [];
      for (let i = 0; i < ids.length; i++) {
        const fits = ids[i] === pairs[2 * pair] && ids[i + 1] === pairs[2 * pair + 1];
        joined.push(fits ? 256 + pair : ids[i]!);
        if (fits) i += 1;
      }
      ids = joined;
    }
    return ids;
  };
  const encoder = new PairEncoder({ bytes: Uint8Array.from({ length: 256 }, (_, i) => i), pairs });
  fc.assert(
    fc.property(fc.uint8Array({ min: 97, max: 98, maxLength: 40 }), (bytes) => {
      expect(encoder.encode(bytes)).toEqual(plainly([...bytes]));
    }),
    { numRuns: 1000, seed: 9 },
  );
});

test('exported files have its tokens, merges and end token', () => {
  const { model, added_tokens } = JSON.parse(tokenizerJson({ kind: 'gpt2' }));
  expect(Object.keys(model.vocab)).toHaveLength(50257);
  expect(model.vocab).toMatchObject({ '!': 0, Ġt: 256, Ġgazed: 50255, '<|endoftext|>': 50256 });
  expect(model.merges).toHaveLength(50_000);
  expect(model.merges.slice(0, 3)).toEqual(['Ġ t', 'Ġ a', 'h e']);
  expect(added_tokens).toMatchObject([{ id: 50256, content: '<|endoftext|>', special: true }]);
  const gpt = { layers: 1, heads: 1, width: 4, context: 8, vocabulary: 50257, tied: true, ...GPT2_KINDS };
  expect(JSON.parse(configJson(gpt, 'F32', { kind: 'gpt2' })).eos_token_id).toBe(50256);
  expect(JSON.parse(tokenizerConfigJson(8, { kind: 'gpt2' })).eos_token).toBe('<|endoftext|>');
  expect(readTokenizerJson('{"kind":"gpt2"}', 'm')).toEqual({ kind: 'gpt2' });
});
