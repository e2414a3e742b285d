/** GPT-2 files as PyTorch and Hugging Face write them: read, computed with, and written again. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { configJson } from '../../../src/engine/checkpoint/configJson.ts';
import { tokenizerJson } from '../../../src/engine/checkpoint/huggingface.ts';
import { openModel } from '../../../src/engine/checkpoint/modelFile.ts';
import { modelTensors } from '../../../src/engine/checkpoint/modelTensors.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { openSafetensors, type TensorToWrite } from '../../../src/engine/checkpoint/safetensors.ts';
import { GPT2_KINDS, type GptConfig, paddedVocabulary } from '../../../src/engine/config/gptConfig.ts';
import { byteCharacters } from '../../../src/engine/data/byteCharacters.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { modelForward } from '../../../src/engine/reference/model.ts';
import { described } from '../described.ts';
import { contents, file, floats, refusal, tensor } from './files.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));
const { config, tokens, logits } = JSON.parse(fixture('gpt2_logits.json').toString()) as {
  config: Omit<GptConfig, 'tied'>;
  tokens: number[];
  logits: Record<string, string>;
};

const open = (bytes: Uint8Array, beside: Uint8Array | null = null) =>
  openModel(bytesSource('m.safetensors', bytes), {
    config: beside && bytesSource('config.json', beside),
    tokenizer: null,
  });

async function load(bytes: Uint8Array) {
  const { shape, weights } = await open(bytes);
  const gpt: GptConfig = { ...shape, heads: config.heads };
  const values = new Map<string, Float32Array>();
  for (const { name } of parameterSpecs(gpt)) values.set(name, await weights.read(name));
  return { gpt, values };
}

describe.each(['gpt2_conv1d', 'gpt2_linear'])('%s', (name) => {
  test('has the logits that PyTorch computes', async () => {
    const { gpt, values } = await load(fixture(`${name}.safetensors`));
    expect(gpt).toEqual({ ...config, tied: name === 'gpt2_conv1d', ...GPT2_KINDS });
    expect(values.get('wte.weight')!.length).toBe(paddedVocabulary(gpt) * gpt.width);
    const parameters = new Map([...values].map(([key, numbers]) => [key, Float64Array.from(numbers)]));
    const batch = { tokens, targets: tokens, B: 2, T: gpt.context };
    const ours = modelForward(
      { config: gpt, recipe: described('fp32'), exact: true },
      parameters,
      batch,
    ).logits;
    const bytes = Buffer.from(logits[name]!, 'base64');
    expect(ours.length).toBe(bytes.length / 4);
    const error = Math.max(...ours.map((value, i) => Math.abs(value - bytes.readFloatLE(4 * i))));
    expect(error, `largest error ${error}, bound 1e-4`).toBeLessThan(1e-4);
  });

  test('is written as Hugging Face writes it, and read again', async () => {
    const { gpt, values } = await load(fixture(`${name}.safetensors`));
    const exported = await file(modelTensors(gpt, 'F32', (key) => values.get(key)!));
    const again = await load(exported);
    expect(again.gpt).toEqual(gpt);
    expect(again.values).toEqual(values);
    if (name === 'gpt2_conv1d') {
      const original = await contents(bytesSource('m', fixture('gpt2_conv1d.safetensors')));
      expect(await contents(bytesSource('m', exported))).toEqual(original);
    }
  });
});

test('in F16 a file has the weights rounded to F16', async () => {
  const { gpt, values } = await load(fixture('gpt2_conv1d.safetensors'));
  const again = await load(await file(modelTensors(gpt, 'F16', (key) => values.get(key)!)));
  // To nearest: half a step of 11 bits, or of the smallest subnormal.
  for (const [key, exact] of values) {
    const wrong = again.values
      .get(key)!
      .findIndex(
        (value, i) => Math.abs(value - exact[i]!) > Math.max(2 ** -11 * Math.abs(exact[i]!), 2 ** -25),
      );
    expect(wrong, key).toBe(-1);
  }
});

/** The Conv1D fixture's tensors, changed. */
async function changed(change: (tensors: Map<string, TensorToWrite>) => void): Promise<Uint8Array> {
  const opened = await openSafetensors(bytesSource('m', fixture('gpt2_conv1d.safetensors')));
  const bytes = await contents(opened.source);
  const tensors = new Map(
    [...opened.tensors.values()].map(({ name, dtype, shape }) => [
      name,
      tensor(name, dtype, shape, bytes.get(name)!),
    ]),
  );
  change(tensors);
  return file([...tensors.values()]);
}

test('a head that is a copy of the token embedding is tied', async () => {
  const bytes = await changed((tensors) => {
    const wte = tensors.get('transformer.wte.weight')!;
    tensors.set('lm_head.weight', { ...wte, name: 'lm_head.weight' });
  });
  expect((await open(bytes)).shape.tied).toBe(true);
});

describe('refused, naming the tensor', () => {
  const set = (name: string, shape: number[]) => (tensors: Map<string, TensorToWrite>) => {
    const size = shape.reduce((a, b) => a * b, 1);
    tensors.set(name, floats(name, shape, new Array(size).fill(0)));
  };
  const fc = 'transformer.h.1.mlp.c_fc.weight';
  test.each<[string, (tensors: Map<string, TensorToWrite>) => void, RegExp]>([
    ['no embedding', (t) => t.delete('transformer.wte.weight'), /has no wte\.weight/],
    ['no bias', (t) => t.delete('transformer.h.1.mlp.c_proj.bias'), /has no h\.1\.mlp\.c_proj\.bias/],
    ['a layer left out', set('transformer.h.7.ln_1.weight', [16]), /has no h\.2\.ln_1\.weight/],
    ['another head', set('score.weight', [2, 16]), /has score\.weight \[2, 16\], which a GPT-2 of 2 layers/],
    [
      'another shape',
      set(fc, [16, 32]),
      /has h\.1\.mlp\.c_fc\.weight of shape \[16, 32\], not \[16, 64\] or \[64, 16\]/,
    ],
    [
      'layouts mixed',
      set(fc, [64, 16]),
      /has h\.0\.attn\.c_attn\.weight and h\.1\.mlp\.c_fc\.weight in different layouts/,
    ],
    ['a flat embedding', set('transformer.wte.weight', [176]), /wte\.weight of shape \[176\], not \[vocab/],
    [
      'a name twice',
      set('ln_f.bias', [16]),
      /has "ln_f\.bias" twice, as "transformer\.ln_f\.bias" and as "ln_f\.bias"/,
    ],
    [
      'a name in two wrappers',
      set('module._orig_mod.transformer.wpe.weight', [8, 16]),
      /has "wpe\.weight" twice, as "transformer\.wpe\.weight" and as "module\._orig_mod\.transformer\.wpe\.weight"/,
    ],
    ['a wrapper alone', set('module', [16]), /has module \[16\], which a GPT-2 of 2 layers/],
    [
      'a head of another size',
      set('lm_head.weight', [12, 16]),
      /lm_head\.weight of shape \[12, 16\], not \[11, 16\]/,
    ],
  ])('%s', async (_, change, why) => {
    const error = await refusal(open(await changed(change)));
    expect([error.code, error.isUsage]).toEqual(['WRONG_MODEL', true]);
    expect(error.message).toMatch(why);
  });
});

test.each([
  ['_orig_mod.', ''],
  ['module.', ''],
  ['module._orig_mod.', ''],
  ['_orig_mod.module.', ''],
  ['_orig_mod._orig_mod.module.', ''],
  ['', '_orig_mod.'],
  ['_fsdp_wrapped_module.', '_checkpoint_wrapped_module.'],
])('PyTorch’s wrappers "%s" and "%s" around modules are taken off', async (outer, block) => {
  const plain = await load(fixture('gpt2_conv1d.safetensors'));
  const wrapped = await changed((tensors) => {
    for (const each of [...tensors.values()]) {
      tensors.delete(each.name);
      const name = outer + each.name.replace(/^(transformer\.h\.\d+\.)/, `$1${block}`);
      tensors.set(name, { ...each, name });
    }
  });
  expect(await load(wrapped)).toEqual(plain);
});

describe('config.json', () => {
  const gpt: GptConfig = { ...config, tied: true, ...GPT2_KINDS };
  const edited = (change: Record<string, unknown>) =>
    JSON.stringify({ ...JSON.parse(configJson(gpt, 'F32', { kind: 'byte' })), ...change });
  const read = (text: string | Uint8Array) =>
    open(
      fixture('gpt2_conv1d.safetensors'),
      typeof text === 'string' ? new TextEncoder().encode(text) : text,
    );

  test('names the number of heads', async () => {
    expect(await read(configJson(gpt, 'F16', { kind: 'byte' }))).toMatchObject({ heads: 2 });
    expect(await read('{"n_head":2}')).toMatchObject({ heads: 2, shape: { mlp: 'gelu' } });
  });

  test('names the epsilon of the norms', async () => {
    expect((await read(edited({ layer_norm_epsilon: 1e-6 }))).shape.normEpsilon).toBe(1e-6);
    expect((await read('{"n_head":2}')).shape.normEpsilon).toBe(1e-5);
  });

  test('is read with a byte order mark, and with NaN and Infinity as Python writes them in unused fields', async () => {
    expect((await read(`\uFEFF${edited({})}`)).heads).toBe(2);
    const text = edited({ initializer_range: 'A', summary: ['B', { deep: 'C' }] });
    const python = text.replace('"A"', 'Infinity').replace('"B"', '-Infinity').replace('"C"', 'NaN');
    expect((await read(python)).heads).toBe(2);
  });

  test.each<[string, string | Uint8Array, RegExp]>([
    [
      'another model',
      edited({ model_type: 'llama' }),
      /model_type "llama" where the weights are those of GPT-2/,
    ],
    [
      'another activation',
      edited({ activation_function: 'relu' }),
      /activation_function "relu"; Halfstep trains only gelu/,
    ],
    ['no epsilon', edited({ layer_norm_epsilon: 0 }), /layer_norm_epsilon 0, which is not a positive number/],
    [
      'unscaled attention',
      edited({ scale_attn_weights: false }),
      /scale_attn_weights false; Halfstep trains only true/,
    ],
    [
      'attention scaled by layer',
      edited({ scale_attn_by_inverse_layer_idx: true }),
      /scale_attn_by_inverse_layer_idx true; Halfstep trains only false/,
    ],
    ['quantised weights', edited({ quantization_config: { bits: 8 } }), /quantization_config an object/],
    ['other layers', edited({ n_layer: 12 }), /n_layer 12 where the weights have 2\.$/],
    [
      'another width and context',
      edited({ n_embd: 32, n_positions: 1024 }),
      /n_embd 32 where the weights have 16, and n_positions 1024 where the weights have 8\.$/,
    ],
    ['another vocabulary', edited({ vocab_size: 50257 }), /vocab_size 50257 where the weights have 11\.$/],
    ['another MLP', edited({ n_inner: 32 }), /n_inner 32 where the weights have 64\.$/],
    ['a head of its own', edited({ tie_word_embeddings: false }), /false where the weights have no lm_head/],
    ['no heads', edited({ n_head: undefined }), /has no n_head\.$/],
    ['half a head', edited({ n_head: 1.5 }), /n_head 1\.5, which is not a positive integer/],
    ['heads without end', edited({ n_head: 'X' }).replace('"X"', 'Infinity'), /n_head Infinity, which is no/],
    [
      'an epsilon of NaN',
      edited({ layer_norm_epsilon: 'X' }).replace('"X"', 'NaN'),
      /layer_norm_epsilon NaN, which is not a positive number/,
    ],
    [
      'a width of -Infinity',
      edited({ n_embd: 'X' }).replace('"X"', '-Infinity'),
      /n_embd -Infinity, which is/,
    ],
    ['no JSON', '{', /not JSON at character 1: a key is missing/],
    ['a key twice', '{"n_head":1,"n_head":2}', /the key "n_head" is there twice/],
    ['a list', '[]', /not a JSON object/],
    ['UTF-16', new Uint8Array(Buffer.from('\uFEFF{"n_head":2}', 'utf16le')), /is not UTF-8/],
    ['more than a configuration has', new Uint8Array(2 ** 20 + 1), /has 1048577 bytes; at most 1048576/],
  ])('%s is refused', async (_, text, why) => {
    const error = await refusal(read(text));
    expect(error.code).toBe('WRONG_MODEL');
    expect(error.message).toMatch(why);
    expect(error.message).toMatch(/^The config\.json beside "m\.safetensors" /);
  });
});

describe('tokenizer.json', () => {
  test('of characters: each a token, joined with nothing', () => {
    const { model, decoder, pre_tokenizer } = JSON.parse(
      tokenizerJson({ kind: 'char', characters: '\n ab😀' }),
    );
    expect(model).toMatchObject({ type: 'BPE', vocab: { '\n': 0, ' ': 1, a: 2, b: 3, '😀': 4 }, merges: [] });
    expect([pre_tokenizer, decoder.type]).toEqual([null, 'Fuse']);
  });

  test('of bytes: each its printable character', () => {
    const { model, decoder } = JSON.parse(tokenizerJson({ kind: 'byte' }));
    expect(Object.keys(model.vocab)).toHaveLength(256);
    expect(model.vocab).toMatchObject({ A: 65, Ġ: 32, Ċ: 10, é: 0xe9, Ń: 0xad });
    expect(decoder.type).toBe('ByteLevel');
    expect(new Set(byteCharacters()).size).toBe(256);
  });
});
