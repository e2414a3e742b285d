/** What a tokenizer.json asks for and the engine does not do is refused by name; what it does is kept. */
import { beforeAll, describe, expect, test } from 'vitest';
import { CompanionFileError } from '../../../src/engine/checkpoint/beside.ts';
import { readTokenizer } from '../../../src/engine/checkpoint/modelTokenizer.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { loadPatterns } from '../../../src/engine/data/loaded/patterns.ts';
import { streamOf, tokenize, tokenizeString } from '../../../src/engine/data/tokenize.ts';
import { createTokenizer, mostTokens, type TokenizerJson } from '../../../src/engine/data/tokenizer.ts';
import { readTokenizerJson } from '../../../src/engine/data/tokenizerJson.ts';
import { added, byteFile, type Json, markedFile } from './files.ts';

beforeAll(loadPatterns);

const read = async (json: unknown, ends: readonly number[] = []): Promise<TokenizerJson> => {
  const text = new TextEncoder().encode(typeof json === 'string' ? json : JSON.stringify(json));
  return (await readTokenizer(bytesSource('tokenizer.json', text), { ends, bos: null })).tokenizer;
};

async function refusal(json: unknown): Promise<string> {
  const cause: unknown = await read(json).catch((error: unknown) => error);
  if (cause instanceof CompanionFileError) return cause.message;
  throw new Error(`it was read, or failed otherwise: ${String(cause)}`);
}

const changed = (json: Json, change: (json: Json) => unknown): Json => {
  change(json);
  return json;
};

describe('is refused by name', () => {
  test.each<[string, Json, RegExp]>([
    [
      'an unknown pre-tokenizer',
      changed(byteFile('gpt2'), (json) => (json.pre_tokenizer = { type: 'UnicodeScripts' })),
      /has the pre_tokenizer UnicodeScripts, which is not supported/,
    ],
    [
      'a pre-tokenizer before bytes',
      changed(byteFile('gpt2'), (json) => {
        json.pre_tokenizer = {
          type: 'Sequence',
          pretokenizers: [{ type: 'Punctuation' }, json.pre_tokenizer],
        };
      }),
      /has the pre_tokenizer Punctuation in a sequence Punctuation, ByteLevel/,
    ],
    [
      'a split that keeps other parts',
      changed(byteFile('llama3'), (json) => {
        const { pretokenizers } = json.pre_tokenizer as { pretokenizers: { behavior: string }[] };
        pretokenizers[0]!.behavior = 'MergedWithPrevious';
      }),
      /has behavior "MergedWithPrevious", which is not supported/,
    ],
    [
      'a pattern that is none',
      changed(byteFile('llama3'), (json) => {
        const { pretokenizers } = json.pre_tokenizer as { pretokenizers: { pattern: object }[] };
        pretokenizers[0]!.pattern = { Regex: '(' };
      }),
      /has a Split whose pattern cannot be read: /,
    ],
    [
      'a normalizer',
      changed(byteFile('qwen2'), (json) => (json.normalizer = { type: 'Lowercase' })),
      /has the normalizer Lowercase, which is not supported/,
    ],
    [
      'another model',
      changed(byteFile('gpt2'), ({ model }) => (model.type = 'Unigram')),
      /has a model of type Unigram; only BPE is supported/,
    ],
    [
      'a token at the end of every text',
      changed(markedFile(), (json) => {
        (json.post_processor as { single: object[] }).single.push({
          SpecialToken: { id: '<s>', type_id: 0 },
        });
      }),
      /has a post_processor that adds tokens after a text/,
    ],
    [
      'another post-processor',
      changed(byteFile('gpt2'), (json) => (json.post_processor = { type: 'RobertaProcessing' })),
      /has the post_processor RobertaProcessing, which is not supported/,
    ],
    [
      'a token that takes the space before it',
      changed(byteFile('smollm'), (json) => (json.added_tokens = [added('<m>', 999, { lstrip: true })])),
      /has the added token "<m>" with lstrip, which is not supported/,
    ],
    [
      'another decoder',
      changed(byteFile('smollm'), (json) => (json.decoder = { type: 'WordPiece' })),
      /has the decoder WordPiece; only ByteLevel is supported/,
    ],
    [
      'characters without a token',
      changed(markedFile(), ({ model }) => (model.byte_fallback = false)),
      /has neither the pre_tokenizer ByteLevel nor byte_fallback/,
    ],
    [
      'a missing byte',
      changed(markedFile(), ({ model }) => {
        Reflect.deleteProperty(model.vocab as object, '<0x7F>');
      }),
      /has no token "<0x7F>" for one of the bytes/,
    ],
    [
      'a merge of an unknown token',
      changed(byteFile('gpt2'), ({ model }) => (model.merges = ['q z'])),
      /has a merge 0 with "qz", which is not in its vocabulary/,
    ],
    [
      'two tokens of one id',
      changed(byteFile('smollm'), (json) => (json.added_tokens = [added('<m>', 5)])),
      /has two tokens with id 5: "ą" and "<m>"/,
    ],
  ])('%s', async (_, json, why) => {
    expect(await refusal(json)).toMatch(why);
  });

  test('a run’s tokenizer that is damaged, and one that no model gives', async () => {
    const json = JSON.stringify({ kind: 'loaded', file: '{"model":{}}' });
    expect(() => readTokenizerJson(json, 'run')).toThrow(
      /"run" has a tokenizer that has a model of type|has no vocab/,
    );
    expect(() => readTokenizerJson('{"kind":"loaded"}', 'run')).toThrow(
      /"run" has a tokenizer that has no file/,
    );
    expect(mostTokens('model')).toBeNull();
    await expect(tokenize(streamOf('a text', new Uint8Array([97])), 'model')).rejects.toThrow(
      /tokenizer is "model", but no model with a tokenizer of its own is given/,
    );
  });
});

test('the end of a document is what a file beside names, or a known name', async () => {
  expect(createTokenizer(await read(markedFile())).end).toBe(2);
  expect(createTokenizer(await read(markedFile(), [1]))).toMatchObject({ end: 1, ends: [1] });
  expect(createTokenizer(await read(markedFile(), [1, 2]))).toMatchObject({ end: 1, ends: [1, 2] });
  const json = byteFile('gpt2');
  const [end] = json.added_tokens as { id: number }[];
  expect(createTokenizer(await read(json)).end).toBe(end!.id);
  expect(createTokenizer({ kind: 'byte' })).toMatchObject({ start: [], bos: null, end: null, ends: [] });
});

test('a stream after other tokens keeps its first space, after none or special ones it does not', async () => {
  const tokenizer = createTokenizer(await read(markedFile()));
  const [, ...ids] = tokenizer.encode('the low');
  const write = (before: readonly number[]) => {
    const decode = tokenizer.decoder(before);
    return ids.map((id) => decode(id)).join('');
  };
  const texts = ['the low', 'the low', ' the low'];
  const before = [[], [1], ids];
  expect(before.map(write)).toEqual(texts);
  expect(before.map((tokens) => tokenizer.decode(ids, tokens))).toEqual(texts);
});

test('a vocabulary beyond two bytes has ids of four', () => {
  const json = byteFile('gpt2');
  (json.added_tokens as object[]).push(added('<last>', 2 ** 16));
  const { tokens, tokenizer } = tokenizeString('the<last> low', 'a text', {
    kind: 'loaded',
    file: JSON.stringify(json),
  });
  expect(tokens.BYTES_PER_ELEMENT).toBe(4);
  expect(tokenizer.vocabulary).toBe(2 ** 16 + 1);
  expect([...tokens]).toContain(2 ** 16);
  expect(tokenizer.decode(tokens)).toBe('the<last> low');
});

test('a text without the end of a word is read in bounded memory', () => {
  const tokenizer = createTokenizer({ kind: 'loaded', file: JSON.stringify(byteFile('llama3')) });
  const text = `${'a'.repeat(200_000)} ${' '.repeat(70_000)}\n${'!'.repeat(9000)}`;
  const ids = tokenizer.encode(text);
  expect(tokenizer.decode(ids.slice(1))).toBe(text);
  expect([...tokenizeString(text, 'a text', tokenizer.json).tokens]).toEqual([...ids]);
});
