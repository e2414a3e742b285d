/** llama.cpp gives the ids and the greedy tokens of the f64 model for GGUF exports of every family and tokenizer. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { kindsOfFamily } from '../../src/engine/checkpoint/families.ts';
import { ggufPieces } from '../../src/engine/checkpoint/ggufFile.ts';
import type { GgufType } from '../../src/engine/checkpoint/ggufFormat.ts';
import { openModel, readModel } from '../../src/engine/checkpoint/modelFile.ts';
import { bytesSource } from '../../src/engine/checkpoint/randomAccess.ts';
import { GPT2_KINDS, type GptConfig } from '../../src/engine/config/gptConfig.ts';
import { loadGpt2 } from '../../src/engine/data/gpt2.ts';
import { loadPatterns } from '../../src/engine/data/loaded/patterns.ts';
import { createTokenizer, type TokenizerJson, tokensIn } from '../../src/engine/data/tokenizer.ts';
import { parameterSpecs } from '../../src/engine/model/decoder.ts';
import { initialValues } from '../../src/engine/model/parameters.ts';
import { modelForward } from '../../src/engine/reference/model.ts';
import { concatenated } from '../unit/checkpoint/files.ts';
import { described } from '../unit/described.ts';
import { byteFile, type Json, markedFile } from '../unit/tokenizers/files.ts';
import { type Answer, type Asked, llamaCpp } from './program.ts';

const { LLAMA_CPP_MODEL } = process.env;

beforeAll(async () => {
  await loadGpt2();
  await loadPatterns();
});

const folder = mkdtempSync(join(tmpdir(), 'halfstep-gguf-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

async function written(
  name: string,
  gpt: GptConfig,
  tokenizer: TokenizerJson,
  type: GgufType,
  values: ReadonlyMap<string, Float32Array>,
): Promise<string> {
  const path = join(folder, `${name.replaceAll(/\W+/g, '-')}-${type}.gguf`);
  writeFileSync(path, await concatenated(ggufPieces(gpt, tokenizer, type, (each) => values.get(each)!)()));
  return path;
}

/**
 * By how much the logits of chosen tokens lie below the largest, by the f64 model: the most, as a share of the range of the
 * logits.
 */
function shortfall(
  gpt: GptConfig,
  values: ReadonlyMap<string, Float32Array>,
  { ids, greedy }: Answer,
): number {
  const parameters = new Map([...values].map(([name, each]) => [name, Float64Array.from(each)]));
  const tokens = Array.from({ length: gpt.context }, (_, i) => [...ids, ...greedy][i] ?? 0);
  const batch = { tokens, targets: tokens, B: 1, T: gpt.context };
  const { logits } = modelForward({ config: gpt, recipe: described('fp32'), exact: true }, parameters, batch);
  const columns = logits.length / gpt.context;
  return greedy.reduce((most, token, i) => {
    const row = logits.subarray((ids.length - 1 + i) * columns).subarray(0, gpt.vocabulary);
    const [low, high] = [row.reduce((a, b) => Math.min(a, b)), row.reduce((a, b) => Math.max(a, b))];
    return Math.max(most, (high - row[token]!) / (high - low));
  }, 0);
}

const loaded = (json: Json): TokenizerJson => ({ kind: 'loaded', file: JSON.stringify(json) });
const SIZES = { layers: 2, heads: 4, width: 64, context: 40, tied: true };
const GPT2 = { ...SIZES, ...GPT2_KINDS };
const LLAMA = { ...SIZES, ...kindsOfFamily('llama'), keyValueHeads: 2, intermediate: 96 };
const QWEN2 = { ...SIZES, ...kindsOfFamily('qwen2'), keyValueHeads: 2, intermediate: 96, ropeBase: 1e6 };
const QWEN3 = { ...SIZES, ...kindsOfFamily('qwen3'), headSize: 32, intermediate: 96, normEpsilon: 1e-6 };
const CHARACTERS: TokenizerJson = { kind: 'char', characters: '\n abcdehlnostw😀' };

const MODELS: readonly [string, Omit<GptConfig, 'vocabulary'>, TokenizerJson, string][] = [
  ['gpt2, characters', GPT2, CHARACTERS, ' a lost ba\n 😀 c'],
  ['gpt2, bytes', { ...GPT2, tied: false }, { kind: 'byte' }, 'It’s  low,\n 12'],
  ['gpt2, learned pairs', GPT2, { kind: 'bpe', pairs: [104, 101, 256, 108, 32, 257] }, ' hel help\n\n heé'],
  ['gpt2, GPT-2’s words', GPT2, { kind: 'gpt2' }, " don't\n\n  é☃😀 1234<|endoftext|"],
  ['llama, characters', LLAMA, CHARACTERS, 'sold  to wal\n'],
  ['llama, SentencePiece', LLAMA, loaded(markedFile()), 'the lowest  é 你好 x</s> the'],
  [
    'llama, Llama 3’s words and scaling',
    { ...LLAMA, tied: false, ropeBase: 5e5, ropeScaling: 'llama3:8:1:4:8192' },
    loaded(byteFile('llama3')),
    "the LOWEST 12345 it's\n\n  é<|im_start|>!",
  ],
  ['llama, SmolLM’s words', LLAMA, loaded(byteFile('smollm')), ' the 12 lower  3\n'],
  ['qwen2', QWEN2, loaded(byteFile('qwen2')), ' the 12 lower  3\n<|endoftext|>x'],
  ['qwen3, learned pairs', QWEN3, { kind: 'bpe', pairs: [104, 101, 256, 108, 32, 257] }, 'hello hel'],
];

/**
 * llama.cpp reads GELU from a table of f16 numbers: a relative error of up to 2^-11 at the input and at the output of each of
 * two layers.
 */
const GELU_TABLE = 4 * 2 ** -11;

test('every family and tokenizer', async () => {
  const models = MODELS.map(([name, shape, tokenizer, prompt]) => {
    const gpt: GptConfig = { ...shape, vocabulary: tokensIn(tokenizer) };
    const values = new Map(
      parameterSpecs(gpt).map((spec, at) => {
        const drawn = initialValues({ ...spec, init: { kind: 'normal', std: 0.3 } }, at);
        return [spec.name, spec.rowsOf === null ? drawn.map((value) => 1 + value / 8) : drawn];
      }),
    );
    return { name, gpt, tokenizer, prompt, values };
  });
  const asked: Asked[] = [];
  for (const { name, gpt, tokenizer, prompt, values } of models) {
    asked.push({ path: await written(name, gpt, tokenizer, 'F32', values), prompt, count: 12 });
  }
  for (const [i, answer] of llamaCpp(asked).entries()) {
    const { name, gpt, tokenizer, prompt, values } = models[i]!;
    expect(answer.ids, name).toEqual([...createTokenizer(tokenizer).encode(prompt)]);
    expect(answer.greedy, name).toHaveLength(12);
    const least = shortfall(gpt, values, answer);
    const bound = gpt.mlp === 'gelu' ? GELU_TABLE : 0;
    console.log(`${name}: ${answer.ids.length} ids equal, 12 tokens, below the largest logit by ${least}`);
    expect(least, name).toBeLessThanOrEqual(bound);
  }
});

/** How many greedy tokens of the model in the folder agree: rounding to few bits changes them sooner. */
const AGREE: readonly [GgufType, number][] = [
  ['F32', 64],
  ['F16', 8],
  ['BF16', 2],
  ['Q8_0', 2],
  ['Q4_0', 0],
];

test('the model in the folder, in every number format', async () => {
  if (!LLAMA_CPP_MODEL) return; // npm run test:llama-cpp -- FOLDER
  const source = (name: string) => bytesSource(name, readFileSync(join(LLAMA_CPP_MODEL, name)));
  const model = await openModel(source('model.safetensors'), {
    config: source('config.json'),
    tokenizer: source('tokenizer.json'),
  });
  const gpt: GptConfig = { ...model.shape, heads: model.heads! };
  const values = await readModel(gpt, model.weights);
  const { res } = JSON.parse(readFileSync(join(LLAMA_CPP_MODEL, 'expected.json'), 'utf8')) as {
    res: Record<string, Answer & { readonly text: string }>;
  };
  const texts = Object.values(res);
  for (const [type, agree] of AGREE) {
    const path = await written('folder', gpt, model.tokenizer!, type, values);
    const answers = llamaCpp(texts.map(({ text }) => ({ path, prompt: text, count: 64 })));
    for (const [i, { ids, greedy }] of texts.entries()) {
      expect(answers[i]!.ids, texts[i]!.text).toEqual(ids);
      expect(answers[i]!.greedy.slice(0, agree), `${type}: ${texts[i]!.text}`).toEqual(
        greedy.slice(0, agree),
      );
    }
    const same = texts.map(({ greedy }, i) => greedy.findIndex((id, at) => id !== answers[i]!.greedy[at]));
    console.log(
      `${type}: tokens before the first other one: ${same.map((at) => (at < 0 ? 64 : at)).join(', ')}`,
    );
  }
});
