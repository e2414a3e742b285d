import { beforeAll, expect, test } from 'vitest';
import { createDataset } from '../../src/engine/data/dataset.ts';
import { loadGpt2 } from '../../src/engine/data/gpt2.ts';
import { createTokenizer } from '../../src/engine/data/tokenizer.ts';
import { DEFAULT_FILTER, drawToken } from '../../src/engine/train/drawToken.ts';
import {
  checkSample,
  checkTokens,
  generate,
  type LanguageModel,
  type SampleOptions,
  sampleSteps,
  tokenProbabilities,
} from '../../src/engine/train/sampler.ts';
import { firstTokenOf, startToken } from '../../src/engine/train/startToken.ts';
import { thrownBy } from './thrownBy.ts';

beforeAll(loadGpt2);

const characters = createTokenizer({ kind: 'char', characters: 'abcdefghijklmnop' });

test.each([
  ['char', 'a\tb\nc\td '],
  ['byte', 'a\tb\nc\td '],
  ['bpe:300', 'a\tb\nc\td '],
  ['gpt2', 'a\tb\nc\td '],
] as const)('%s: a sample starts from a line break, whatever sorts before it', (tokenizer, text) => {
  const dataset = createDataset(text.repeat(40), { name: 'a text', tokenizer, context: 4 });
  expect(dataset.tokenizer.name(startToken(dataset))).toBe('\n');
});

test.each([
  ['char', '\tgat\ttaca', '\t'],
  ['char', '!gattaca', '!'],
  ['char', 'gattaca', 'g'],
  ['char', 'gat\rtaca', '\r'],
  ['byte', 'gattaca', 'g'],
  ['gpt2', ' gattaca', ' g'],
  ['bpe:258', 'gattaca\r\n', '\n'],
  ['bpe:258', 'gattaca\r', '\r'],
  ['gpt2-eot', 'gattaca\n<|endoftext|>', '<|endoftext|>'],
  ['gpt2-eot', 'gattaca\n', '\n'],
  ['gpt2', 'gattaca\n<|endoftext|>', '\n'],
] as const)('%s of %j starts from %j', (tokenizer, text, start) => {
  const dataset = createDataset(text.repeat(40), { name: 'a text', tokenizer, context: 4 });
  expect(dataset.tokenizer.name(startToken(dataset))).toBe(start);
});

test('samples are spread evenly; the last is the one at the end', () => {
  expect([...sampleSteps(300, 4)]).toEqual([75, 150, 225]);
  expect([...sampleSteps(300, 1)]).toEqual([]);
  expect([...sampleSteps(3, 4)]).toEqual([1, 2]);
  expect([...sampleSteps(1, 10)]).toEqual([]);
  expect([...sampleSteps(0, 4)]).toEqual([]);
});

test('the ten most likely tokens, most likely first, with the softmax of all', () => {
  const logits = Float32Array.from({ length: 16 }, (_, i) => ((i * 7) % 16) / 4);
  const { top, probability } = tokenProbabilities(logits, 3, characters);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const expected = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, 10);
  expect(top.map(({ text }) => text)).toEqual(expected.map((token) => characters.name(token)));
  for (const [i, token] of expected.entries()) {
    expect(top[i]!.probability).toBeCloseTo(Math.exp(logits[token]!) / total, 10);
  }
  expect(probability).toBeCloseTo(Math.exp(logits[3]!) / total, 10);
});

test('fewer than ten tokens are all listed, and equal ones in the order of their ids', () => {
  const { top } = tokenProbabilities(new Float32Array(4), 2, characters);
  expect(top).toEqual(['a', 'b', 'c', 'd'].map((text) => ({ text, probability: 0.25 })));
});

test('non-finite logits give a probability of 0 and no error', () => {
  const { top, probability } = tokenProbabilities(Float32Array.of(Number.NaN, 1, Number.NaN), 1, characters);
  expect([probability, ...top.map((chance) => chance.probability)].every((share) => share === 0)).toBe(true);
});

test('top-k and temperature choose the token', () => {
  const logits = Float32Array.of(0, 3, 2, 1);
  const draw = (temperature: number, topK: number) =>
    drawToken(logits, { ...DEFAULT_FILTER, temperature, topK }, 0.999);
  expect(draw(0, 0)).toBe(1);
  expect(draw(1, 1)).toBe(1);
  expect(draw(1, 2)).toBe(2);
  expect(draw(100, 0)).toBe(0);
});

test.each([
  [{ length: 0 }, 'The length is 0.'],
  [{ length: 1_000_001 }, 'The length is 1000001.'],
  [{ length: 1.5 }, 'The length is 1.5.'],
  [{ temperature: Number.NaN }, 'The temperature is NaN.'],
  [{ temperature: 11 }, 'The temperature is 11.'],
  [{ topK: -1 }, 'Top-k is -1.'],
  [{ topP: 1.1 }, 'Top-p is 1.1.'],
  [{ topP: Number.NaN }, 'Top-p is NaN.'],
  [{ repetitionPenalty: 0 }, 'The repetition penalty is 0.'],
  [{ stop: [1.5] }, 'The tokens that end a sample are a list.'],
  [{ stop: {} }, 'The tokens that end a sample are an object.'],
  [{ seed: 2 ** 32 }, 'The seed is 4294967296.'],
])('%j is refused', (wrong, message) => {
  const options = { prompt: '', length: 10, temperature: 0.8, topK: 40, seed: 1 };
  expect(() => checkSample(options)).not.toThrow();
  expect(thrownBy(() => checkSample({ ...options, ...wrong } as SampleOptions)).message).toBe(message);
});

test.each([
  [null, 'The context is null.'],
  ['The', 'The context is "The".'],
  [[], 'The context has no token.'],
  [[1, 2, 9], 'The context has 9 at place 2.'],
  [[0.5], 'The context has 0.5 at place 0.'],
  [[0, '1'], 'The context has "1" at place 1.'],
  [[-1], 'The context has -1 at place 0.'],
])('a context of %j is refused before the GPU is asked', (context, message) => {
  expect(thrownBy(() => checkTokens(context as never, 9))).toMatchObject({ code: 'BAD_VALUE', message });
});

test('tokens of the model are a context, in a list or as a tokenizer gives them', () => {
  for (const context of [[0, 8], new Uint32Array([3])])
    expect(() => checkTokens(context as never, 9)).not.toThrow();
});

test.each([
  [{}, /lacks prompt/],
  [null, /A sample is null/],
  [{ prompt: 5, length: 1, temperature: 1, topK: 0, seed: 1 }, /prompt 5/],
  [{ prompt: '', length: 1, temperature: 1, topk: 0, seed: 1 }, /no "topk"/],
])('a sample asked for with %j is refused before a token is drawn', async (options, message) => {
  const model = { nextTokenLogits: () => expect.unreachable('a token was drawn') };
  const error = await generate(model as never, options as never).catch((cause) => cause);
  expect(error).toMatchObject({ code: 'BAD_VALUE', message: expect.stringMatching(message) });
});

/** A model that counts: after a token comes the next letter. */
const counting: LanguageModel & { readonly contexts: number[][] } = {
  tokenizer: characters,
  contexts: [],
  startToken: () => 3,
  nextTokenLogits(context) {
    this.contexts.push([...context]);
    const logits = new Float32Array(16);
    logits[(context.at(-1)! + 1) % 16] = 9;
    return Promise.resolve(logits);
  },
};
const GREEDY = { prompt: 'ab', length: 4, temperature: 0, topK: 0, seed: 1 };

test('a text has its new tokens, their text and their rate', async () => {
  counting.contexts.length = 0;
  const { ids, text, tokensPerSec } = await generate(counting, GREEDY);
  expect([ids, text]).toEqual([[2, 3, 4, 5], 'cdef']);
  expect(tokensPerSec).toBeGreaterThan(0);
  expect(counting.contexts).toEqual([
    [0, 1],
    [0, 1, 2],
    [0, 1, 2, 3],
    [0, 1, 2, 3, 4],
  ]);
  expect((await generate(counting, { ...GREEDY, prompt: '' })).text).toBe('efgh');
  expect((await generate(counting, { ...GREEDY, length: 1 })).tokensPerSec).toBeNull();
});

test('a stop token ends a text and is no part of it', async () => {
  const seen: string[] = [];
  const { ids, text } = await generate(
    counting,
    { ...GREEDY, stop: [9, 4] },
    { onToken: (token) => seen.push(token.text) },
  );
  expect([ids, text, seen]).toEqual([[2, 3], 'cd', ['c', 'd']]);
});

test('repetitions are penalised in the prompt and in the text so far', async () => {
  const text = async (repetitionPenalty: number) =>
    (await generate(repeating, { ...GREEDY, repetitionPenalty })).text;
  // Logits 9, 8, 7, 6 of tokens 0 to 3, whatever comes before.
  expect(await text(1)).toBe('aaaa');
  expect(await text(2)).toBe('cdaa');
});

const repeating: LanguageModel = {
  ...counting,
  nextTokenLogits: () => Promise.resolve(Float32Array.of(9, 8, 7, 6)),
};

test('without a text at hand, a text begins with the token that ends a document, or a line break', () => {
  expect(firstTokenOf(createTokenizer({ kind: 'gpt2' }))).toBe(50_256);
  expect(firstTokenOf(createTokenizer({ kind: 'byte' }))).toBe(10);
  expect(firstTokenOf(characters)).toBe(0);
});
