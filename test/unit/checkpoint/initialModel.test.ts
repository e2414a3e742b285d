/** `--init FILE` combined with the other options. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { beginRun } from '../../../src/cli/beginRun.ts';
import { fillOption, modelNotes, openInitialModel } from '../../../src/cli/initialModel.ts';
import { parseCommand, type TrainCommand } from '../../../src/cli/options.ts';
import { ProgressLine } from '../../../src/cli/progress.ts';
import { tokenizerJson } from '../../../src/engine/checkpoint/huggingface.ts';
import { checkVocabulary, readModel } from '../../../src/engine/checkpoint/modelFile.ts';
import { type InitialModel, overridesOfModel } from '../../../src/engine/checkpoint/modelSettings.ts';
import type { Overrides } from '../../../src/engine/config/configure.ts';
import { GPT2_KINDS } from '../../../src/engine/config/gptConfig.ts';
import { tokenizeString } from '../../../src/engine/data/tokenize.ts';
import { createTokenizer } from '../../../src/engine/data/tokenizer.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { pathOf, RUN_NAMES } from '../oldFiles.ts';
import { thrownBy } from '../thrownBy.ts';
import { file, floats, refusal } from './files.ts';

const folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
afterAll(() => rmSync(folder, { recursive: true }));
const model = join(folder, 'model.safetensors');
copyFileSync(fileURLToPath(new URL('../../fixtures/gpt2_conv1d.safetensors', import.meta.url)), model);
writeFileSync(join(folder, 'config.json'), '{"model_type":"gpt2","n_head":2}');

/** RoPE's options have no effect beside learned positions. */
const { ropeBase: _, ropeScaling: __, ...kindsWithLearnedPositions } = GPT2_KINDS;

test('the shape, the heads and every weight come from a folder or a file', async () => {
  const opened = await openInitialModel(folder, {});
  expect(overridesOfModel(opened, {})).toEqual({
    layers: 2,
    heads: 2,
    width: 16,
    context: 8,
    vocabulary: 11,
    tied: true,
    ...kindsWithLearnedPositions,
  });
  const { shape, weights } = await openInitialModel(model, { heads: 2, layers: 2 });
  const values = await readModel(shape, weights);
  for (const { name, rows, columns } of parameterSpecs(opened.shape)) {
    expect(values.get(name)?.length, name).toBe(rows * columns);
  }
});

test.each<[Overrides, RegExp]>([
  [{ layers: 3 }, /^--layers is 3, but "model\.safetensors" has layers 2\.$/],
  [{ heads: 4 }, /^--heads is 4, but .* has heads 2\.$/],
  [{ context: 16 }, /^--ctx is 16, but .* has context 8\.$/],
  [{ vocabulary: 12 }, /^--vocab is 12, but .* has vocabulary 11\.$/],
  [{ tied: false }, /^--untied was given, but .* shares its head/],
])('%j contradicts the file', async (given, why) => {
  const error = await refusal(openInitialModel(folder, given));
  expect([error.code, error.isUsage]).toEqual(['BAD_VALUE', true]);
  expect(error.message).toMatch(why);
});

test('without a config.json the heads are asked for', async () => {
  const alone = join(mkdtempSync(join(folder, 'alone-')), 'm.safetensors');
  copyFileSync(model, alone);
  const error = await refusal(openInitialModel(alone, {}));
  expect(error.message).toMatch(/does not state its number of heads/);
  expect((await openInitialModel(alone, { heads: 4 })).shape.heads).toBe(4);
});

test('files in the same folder are read as on the page, and checked against the model file', async () => {
  const dir = mkdtempSync(join(folder, 'beside-'));
  const weights = join(dir, 'm.safetensors');
  copyFileSync(model, weights);
  writeFileSync(join(dir, 'config.json'), '\uFEFF{"n_head":2,"initializer_range":Infinity}');
  writeFileSync(join(dir, 'tokenizer.json'), `\uFEFF${tokenizerJson({ kind: 'char', characters: 'cab' })}`);
  const opened = await openInitialModel(weights, {});
  expect(overridesOfModel(opened, {})).toMatchObject({ heads: 2, tokenizer: 'char', vocabulary: 11 });
  expect(modelNotes(opened, {})).toEqual([]);
  const other = await refusal(openInitialModel(weights, { tokenizer: 'byte' }));
  expect(other.message).toBe('--tokenizer is byte, but "m.safetensors" has tokenizer char.');

  writeFileSync(join(dir, 'config.json'), '{"n_head":4,"vocab_size":50257}');
  const wrong = await refusal(openInitialModel(weights, { heads: 4 }));
  expect(wrong.message).toBe(
    'The config.json beside "m.safetensors" says vocab_size 50257 where the weights have 11.',
  );
});

test('a guessed tokenizer gives way to the requested one, and is reported where it is used', async () => {
  const model = await openInitialModel(folder, {});
  const opened: InitialModel = { ...model, likelyTokenizer: 'gpt2', notes: ['Something else.'] };
  expect(overridesOfModel(opened, {})).not.toHaveProperty('tokenizer');
  expect(modelNotes(opened, {})).toEqual([
    expect.stringContaining("GPT-2's tokenizer is assumed"),
    'Something else.',
  ]);
  expect(modelNotes(opened, { tokenizer: 'bpe:50257' })).toEqual(['Something else.']);
});

test('a file that is not there, and one of another kind', async () => {
  expect((await refusal(openInitialModel(join(folder, 'none'), {}))).message).toMatch(
    /Cannot open ".*no such file/,
  );
  const other = join(folder, 'other.safetensors');
  writeFileSync(other, await file([floats('x', [1], [1])]));
  expect((await refusal(openInitialModel(other, {}))).message).toBe(
    '"other.safetensors" has no wte.weight (GPT-2) and no embed_tokens.weight (Llama).',
  );
});

test('a text of another vocabulary is refused with both numbers; fewer tokens can be padded', async () => {
  const opened = await openInitialModel(folder, {});
  const letters = (count: number) =>
    createTokenizer({ kind: 'char', characters: 'abcdefghijklm'.slice(0, count) });
  const check = (count: number, given: Overrides) =>
    checkVocabulary(opened, letters(count), fillOption(opened, given));
  check(11, {});
  check(9, { vocabulary: 11 });
  const few = thrownBy(() => check(9, {}));
  expect(few.message).toBe('"model.safetensors" has 11 tokens, but the char tokenizer has 9 for this text.');
  expect(few.hint).toContain('--vocab 11');
  expect(thrownBy(() => check(12, { vocabulary: 11 })).hint).not.toContain('--vocab');
});

test('a text is read with the tokenizer of the file, and characters missing from it are named', () => {
  const own = { kind: 'char', characters: 'cab' } as const;
  const { tokens, tokenizer } = tokenizeString('abba', 'a text', own);
  expect([...tokens]).toEqual([1, 2, 2, 1]);
  expect(tokenizer.json).toEqual(own);
  const error = thrownBy(() => tokenizeString('abxé', 'a text', own));
  expect(error.message).toBe('Not among the 3 characters of the training text: "x" (U+0078), "é" (U+00E9).');
});

test.each(RUN_NAMES)(
  'the error for the saved run %s says that it is a run and how to resume it, and names no tensor',
  async (name) => {
    const path = pathOf(`${name}.safetensors`);
    const error = await refusal(openInitialModel(path, { heads: 2 }));
    expect([error.code, error.isUsage]).toEqual(['WRONG_MODEL', true]);
    expect(error.message).toBe(`"${name}.safetensors" is a saved run, and not a model.`);
    expect(error.hint).toContain('--resume');
    expect(error.hint).toContain('--export');
  },
);

test('a run saved by a later version is recognized as a run too', async () => {
  const path = join(mkdtempSync(join(folder, 'later-')), 'run.safetensors');
  writeFileSync(path, await file([floats('whatever', [1], [0])], { halfstep: '{"version":99}' }));
  expect((await refusal(openInitialModel(path, {}))).message).toContain('is a saved run');
});

test('--resume on a model says that the file is not a saved run, and names --init', async () => {
  const command = parseCommand(['--resume', model]) as TrainCommand;
  const error = await refusal(
    beginRun(command, new ProgressLine(process.stderr), () => Promise.reject(new Error('asked for a GPU'))),
  );
  expect([error.code, error.isUsage]).toEqual(['WRONG_RUN', true]);
  expect(error.message).toMatch(/^"model\.safetensors" is not a saved run: it has \d+ tensors/);
  expect(error.hint).toContain('--init');
});
