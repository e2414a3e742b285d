/** A model's file and its companion files: no guess goes unreported. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CompanionFiles } from '../../../src/engine/checkpoint/beside.ts';
import { configJson } from '../../../src/engine/checkpoint/configJson.ts';
import { tokenizerJson } from '../../../src/engine/checkpoint/huggingface.ts';
import { type ModelFile, openModel } from '../../../src/engine/checkpoint/modelFile.ts';
import { modelTensors } from '../../../src/engine/checkpoint/modelTensors.ts';
import { bytesSource, type RandomAccess } from '../../../src/engine/checkpoint/randomAccess.ts';
import { writeSafetensors } from '../../../src/engine/checkpoint/safetensors.ts';
import { GPT2_KINDS, type GptConfig } from '../../../src/engine/config/gptConfig.ts';
import { loadGpt2 } from '../../../src/engine/data/gpt2.ts';
import { createTokenizer, type TokenizerJson } from '../../../src/engine/data/tokenizer.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { concatenated, refusal } from './files.ts';

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/${name}.safetensors`, import.meta.url)));
const CONV1D = fixture('gpt2_conv1d');

const text = (name: string, content: string): RandomAccess =>
  bytesSource(name, new TextEncoder().encode(content));
const beside = (config: string | null, tokenizer: string | null = null): CompanionFiles => ({
  config: config === null ? null : text('config.json', config),
  tokenizer: tokenizer === null ? null : text('tokenizer.json', tokenizer),
});
const open = (bytes: Uint8Array, files: CompanionFiles = beside(null)): Promise<ModelFile> =>
  openModel(bytesSource('m.safetensors', bytes), files);

const GPT: GptConfig = {
  layers: 1,
  heads: 2,
  width: 8,
  context: 4,
  vocabulary: 3,
  tied: true,
  ...GPT2_KINDS,
};

/** A model of zeros. */
function model(gpt: GptConfig, metadata: Record<string, string> = {}): Promise<Uint8Array> {
  const sizes = new Map(parameterSpecs(gpt).map(({ name, rows, columns }) => [name, rows * columns]));
  const tensors = modelTensors(gpt, 'F16', (name) => new Float32Array(sizes.get(name)!));
  return concatenated(writeSafetensors(tensors, metadata));
}
const CHARACTERS: TokenizerJson = { kind: 'char', characters: 'abc' };
const OWN = { n_head: '2', 'halfstep.tokenizer': JSON.stringify(CHARACTERS) };
const edited = (json: string, change: object) => JSON.stringify({ ...JSON.parse(json), ...change });

beforeAll(loadGpt2);

describe('config.json', () => {
  test.each<[string, string, RegExp]>([
    ['of another model', '{"n_head":4,"n_layer":12}', /n_layer 12 where the weights have 2\./],
    [
      'of another function',
      '{"n_head":4,"activation_function":"gelu"}',
      /activation_function "gelu"; Halfstep trains only/,
    ],
    ['of a program', '{"port":8080}', /has no n_head\./],
    ['cut off', '{"n_head":', /is not JSON at character 10/],
  ])('%s is refused by its name where nothing else tells the heads', async (_, config, why) => {
    const error = await refusal(open(CONV1D, beside(config)));
    expect(error.code).toBe('WRONG_MODEL');
    expect(error.message).toMatch(/^The config\.json beside "m\.safetensors" /);
    expect(error.message).toMatch(why);
    expect(error.hint).toMatch(/the model's own config\.json/);
  });

  test.each<[string, string, RegExp]>([
    [
      'other heads',
      '{"n_head":4}',
      /says n_head 4 where the metadata of the weights say 2\. It belongs to another/,
    ],
    [
      'another shape',
      '{"n_head":2,"n_embd":768}',
      /n_embd 768 where the weights have 8\. It belongs to another/,
    ],
    [
      'another model',
      '{"model_type":"llama"}',
      /model_type "llama" where the weights are those of GPT-2\. It belongs to another/,
    ],
    ['no JSON at all', 'port = 8080', /is not JSON at character 0: no value is here\. It belongs to another/],
  ])('with %s does not decide about an own export, which says so', async (_, config, why) => {
    const opened = await open(await model(GPT, OWN), beside(config));
    expect(opened).toMatchObject({ heads: 2, tokenizer: CHARACTERS });
    expect(opened.notes).toEqual([expect.stringMatching(why)]);
  });

  test('and metadata that agree need no note; one alone is enough', async () => {
    const config = configJson(GPT, 'F16', CHARACTERS);
    for (const [metadata, file] of [[OWN, config] as const, [OWN, null] as const, [{}, config] as const]) {
      const { heads, notes } = await open(await model(GPT, metadata), beside(file));
      expect([heads, notes]).toEqual([2, []]);
    }
    expect((await open(await model(GPT))).heads).toBeNull();
  });

  test('contradicts metadata of another program: neither is taken', async () => {
    const error = await refusal(open(await model(GPT, { n_head: '2' }), beside('{"n_head":4}')));
    expect(error.message).toMatch(/says n_head 4 where the metadata of the weights say 2/);
    const broken = await refusal(open(await model(GPT, { n_head: 'two' })));
    expect(broken.message).toBe(
      '"m.safetensors" has metadata with n_head "two", which is not a whole number.',
    );
  });
});

describe('the activation function of the MLP', () => {
  const RELU2: GptConfig = { ...GPT, mlp: 'relu2' };
  const config = configJson(RELU2, 'F16', CHARACTERS);
  const own = { ...OWN, 'halfstep.mlp': 'relu2' };

  test('is the one that the metadata or config.json name, and otherwise GELU', async () => {
    expect(JSON.parse(config).activation_function).toBe('relu2');
    expect((await open(await model(RELU2, own))).shape.mlp).toBe('relu2');
    expect((await open(await model(RELU2, own), beside(config))).shape.mlp).toBe('relu2');
    expect((await open(await model(RELU2), beside(config))).shape.mlp).toBe('relu2');
    expect((await open(await model(GPT))).shape.mlp).toBe('gelu');
  });

  test.each([
    ['an export', own, configJson(GPT, 'F16', CHARACTERS), 'relu2'],
    ['an export of a version without other kinds', OWN, config, 'gelu'],
  ])('of %s is not that of another config.json', async (_, metadata, other, kind) => {
    const opened = await open(await model(GPT, metadata), beside(other));
    expect(opened.shape.mlp).toBe(kind);
    expect(opened.notes).toEqual([
      expect.stringMatching(/says activation_function .* where the metadata .* It belongs to another/),
    ]);
  });

  test('that this version does not support is refused', async () => {
    const error = await refusal(open(await model(GPT, { ...OWN, 'halfstep.mlp': 'swish' })));
    expect(error.message).toMatch(/metadata with halfstep\.mlp "swish", which this version does not have/);
  });
});

describe('the tokenizer', () => {
  const GPT2_SIZE: GptConfig = { ...GPT, vocabulary: 50_257 };

  test('of 50,257 tokens is only suggested where no file names it', async () => {
    const opened = await open(await model(GPT2_SIZE));
    expect(opened).toMatchObject({ tokenizer: null, likelyTokenizer: 'gpt2' });
    expect((await open(await model(GPT))).likelyTokenizer).toBeNull();
  });

  test('is GPT-2’s where the tokenizer.json in the folder is, in any notation', async () => {
    const own = tokenizerJson({ kind: 'gpt2' });
    const { model: inside } = JSON.parse(own);
    const old = { ...inside, type: undefined, continuing_subword_prefix: '', end_of_word_suffix: '' };
    const pairs = { ...inside, merges: inside.merges.map((merge: string) => merge.split(' ')) };
    const files: [string, readonly string[]][] = [
      [own, []],
      [`\uFEFF${edited(own, { model: old, post_processor: { type: 'ByteLevel' } })}`, []],
      [edited(own, { model: pairs }), []],
    ];
    for (const [file, notes] of files) {
      const opened = await open(await model({ ...GPT, vocabulary: 50_304 }), beside(null, file));
      expect(opened).toMatchObject({ tokenizer: { kind: 'gpt2' }, likelyTokenizer: null });
      expect(opened.notes).toEqual(notes);
    }
  });

  test.each<TokenizerJson>([
    CHARACTERS,
    { kind: 'char', characters: '😀 \nĠ' },
    { kind: 'byte' },
    { kind: 'bpe', pairs: [104, 101, 256, 108, 32, 257] },
  ])('of an own export is read back from tokenizer.json: $kind', async (json) => {
    const opened = await open(await model({ ...GPT, vocabulary: 300 }), beside(null, tokenizerJson(json)));
    expect(opened.tokenizer).toEqual(json);
    expect(opened.notes).toEqual([]);
  });

  test('of the same vocabulary with a special token more, or with other pairs, is one of another family', async () => {
    const own = tokenizerJson({ kind: 'gpt2' });
    const padded = edited(own, { added_tokens: [{ id: 50_257, content: '[PAD]', special: true }] });
    const other = JSON.parse(own);
    other.model.merges[0] = 'Ġ a';
    for (const [file, ids] of [
      [padded, [64, 50_257]],
      [JSON.stringify(other), [64, 58, 47, 2885, 60]],
    ] as const) {
      const opened = await open(await model({ ...GPT, vocabulary: 50_304 }), beside(null, file));
      expect(opened).toMatchObject({ tokenizer: { kind: 'loaded', file }, notes: [] });
      expect([...createTokenizer(opened.tokenizer!).encode('a[PAD]')]).toEqual(ids);
    }
    const characters = edited(tokenizerJson(CHARACTERS), {
      added_tokens: [{ id: 3, content: '[PAD]', special: true }],
    });
    expect((await open(await model({ ...GPT, vocabulary: 4 }), beside(null, characters))).notes).toEqual([
      expect.stringMatching(/tokenizer\.json adds are read as ordinary text: "\[PAD\]"\./),
    ]);
  });

  const gpt2With = (change: (json: { model: Record<string, unknown>; [key: string]: unknown }) => void) => {
    const json = JSON.parse(tokenizerJson({ kind: 'gpt2' }));
    change(json);
    return JSON.stringify(json);
  };
  test.each<[string, () => string, RegExp]>([
    [
      'it lower-cases',
      () => gpt2With((json) => (json.normalizer = { type: 'Lowercase' })),
      /has the normalizer Lowercase, which is not supported/,
    ],
    [
      'it adds spaces',
      () =>
        gpt2With((json) => ((json.pre_tokenizer as { add_prefix_space: boolean }).add_prefix_space = true)),
      /has add_prefix_space true/,
    ],
    [
      'it is of words',
      () => '{"model":{"type":"WordLevel"}}',
      /has a model of type WordLevel; only BPE is supported/,
    ],
    ['it is of another kind', () => '{"words":["a"]}', /has no model/],
    ['it is cut off', () => tokenizerJson({ kind: 'gpt2' }).slice(0, 5000), /is not JSON at character/],
  ])('is refused by name where %s, whatever the number of tokens', async (_, file, why) => {
    const error = await refusal(open(await model(GPT2_SIZE), beside(null, file())));
    expect([error.code, error.message]).toEqual(['WRONG_MODEL', expect.stringMatching(why)]);
    expect(error.message).toMatch(/^The tokenizer\.json beside "m\.safetensors" /);
    expect(error.hint).toMatch(/Remove the file only if/);
  });

  test('in the metadata has priority over tokenizer.json, and neither may have more tokens than the weights', async () => {
    const own = await open(await model(GPT, OWN), beside(null, 'not even JSON'));
    expect(own.tokenizer).toEqual(CHARACTERS);
    const many = await refusal(open(await model({ ...GPT, vocabulary: 2 }, OWN), beside(null)));
    expect(many.message).toBe('"m.safetensors" has 2 tokens, but its tokenizer has 3.');
    const bytes = await refusal(open(await model(GPT), beside(null, tokenizerJson({ kind: 'byte' }))));
    expect(bytes.message).toContain(
      'has 3 tokens, but its tokenizer (the tokenizer.json beside it) has 256.',
    );
  });
});

test('the activation function of a file in nanoGPT’s layout is assumed, with a note', async () => {
  const linear = fixture('gpt2_linear');
  expect((await open(linear)).notes).toEqual([expect.stringMatching(/tanh approximation of GELU is used/)]);
  expect((await open(linear, beside('{"n_head":2}'))).notes).toHaveLength(1);
  const named = beside('{"n_head":2,"activation_function":"gelu_new"}');
  expect((await open(linear, named)).notes).toEqual([]);
  expect((await open(CONV1D)).notes).toEqual([]);
});
