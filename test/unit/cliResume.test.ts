import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writePiecesAtomically } from '../../src/cli/atomicFile.ts';
import { beginRun } from '../../src/cli/beginRun.ts';
import { exportModel } from '../../src/cli/exportModel.ts';
import { fileSource } from '../../src/cli/fileSource.ts';
import { parseCommand, type TrainCommand } from '../../src/cli/options.ts';
import { ProgressLine } from '../../src/cli/progress.ts';
import { resumedConfig, textOf } from '../../src/cli/resumeRun.ts';
import { checkSavePath } from '../../src/cli/saveRun.ts';
import { checkText, type RunFile } from '../../src/engine/checkpoint/runFile.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { gptConfig, type TrainConfig } from '../../src/engine/config/trainConfig.ts';
import { createDataset, type Dataset } from '../../src/engine/data/dataset.ts';
import type { Trainer } from '../../src/engine/index.ts';
import { NOT_EVALUATED } from '../../src/engine/model/best.ts';
import { writeRunFile } from './savedRunFile.ts';
import { thrownBy } from './thrownBy.ts';

const DATASET = createDataset('abc'.repeat(200), { name: 'letters.txt', tokenizer: 'char', context: 16 });

const RUN = {
  file: { source: { name: 'run.safetensors' } },
  progress: { attempted: 20 },
  description: {
    config: { ...PRESETS.smoke.config, steps: 40 },
    text: { name: 'letters.txt', checksum: DATASET.checksum, tokens: null, builtin: null },
    tokenizer: DATASET.tokenizer.json,
  },
} as unknown as RunFile;

/** The run `RUN` with another configuration. */
const runOf = (config: Partial<TrainConfig>): RunFile => ({
  ...RUN,
  description: { ...RUN.description, config: { ...RUN.description.config, ...config } },
});

/** The options as the command line parses them. */
function resumed(line: string, config: Partial<TrainConfig> = {}): TrainConfig {
  const command = parseCommand(['--resume', 'run.safetensors', ...line.split(' ').filter((word) => word)]);
  if (command.kind !== 'train' || !command.resume) throw new Error(`${line} resumes nothing`);
  return resumedConfig(runOf(config), command.resume.given);
}

test('settings that do not affect a step may change; steps is the new total', () => {
  const saved = RUN.description.config;
  expect(resumed('')).toEqual(saved);
  expect(resumed('--preset smoke --steps 60 --eval-every 7 --width 64')).toEqual({
    ...saved,
    steps: 60,
    evalEvery: 7,
  });
});

test.each<[string, Partial<TrainConfig>]>([
  // Each is refused with the default preset.
  ['--quantize-head', { precision: 'fp8', quantizeHead: true }],
  ['--rounding rne', { precision: 'e5m2', rounding: 'rne' }],
  ['--heads 3 --width 48', { heads: 3, width: 48 }],
  ['--heads 3', { heads: 3, width: 48 }],
  ['--min-lr 5e-3', { learningRate: 1e-2, minLearningRate: 5e-3 }],
  ['--width 40', { heads: 2, width: 40 }],
  ['--amax-history 4', { precision: 'fp8-delayed', amaxHistory: 4 }],
  ['--warmup 3000', { steps: 4000, warmup: 3000 }],
  ['--loss-scale 2^10', { precision: 'fp16-static', lossScale: 1024 }],
  ['--optim-state fp8', { precision: 'bf16', optimState: 'fp8' }],
  ['--quantize-activations 1x16', { precision: 'fp8', quantizeActivations: '1x16' }],
  ['--growth-interval 7', { precision: 'fp16', growthInterval: 7 }],
  ['--untied --vocab 50', { tied: false, vocabulary: 50 }],
  // The mode and the text imply these values.
  ['--rounding rz', { precision: 'e5m2' }],
  ['--amax-history 16 --amax-algo max --scale-margin 0', { precision: 'fp8-delayed' }],
  ['--loss-scale 65536 --growth-interval 2000', { precision: 'fp16', growthInterval: null }],
  ['--loss-scale 4096', { precision: 'fp16-static' }],
  ['--vocab 3', {}],
])('%s, which the run has, is accepted', (line, config) => {
  expect(resumed(line, config)).toEqual(runOf(config).description.config);
  expect(resumed(`${line} --steps 5000`, config).steps).toBe(5000);
});

test.each<[string, RegExp, Partial<TrainConfig>?]>([
  ['--width 128', /^--width is 128, but the run in "run.safetensors" has 64\.$/],
  ['--preset starter', /--preset starter has layers 4, but the run .* has 2/],
  ['--precision bf16', /--precision is bf16, but the run .* has fp16/],
  ['--lr 0.5', /--lr is 0.5, but the run .* has 0.001/],
  ['--steps 19', /--steps is 19, but the run .* has already taken 20/],
  ['--untied', /--untied was given, but the run .* was started without it/],
  ['--quantize-head', /--quantize-head was given, but the run .* was started without it/],
  ['--rounding rne', /--rounding is rne, but the run .* has rz/, { precision: 'e5m2' }],
  // A setting that the saved run's mode does not take is not equal to any value.
  ['--rounding rz', /--rounding is rz, but the run .* has none/],
  ['--amax-history 16', /--amax-history is 16, but the run .* has none/, { precision: 'fp8' }],
  ['--growth-interval 2000', /--growth-interval is 2000, .* has none/, { precision: 'fp16-static' }],
  ['--loss-scale 1', /--loss-scale is 1, .* has none/, { precision: 'fp32' }],
  ['--vocab 4', /--vocab is 4, but the run .* has none/],
])('%s contradicts the run', (line, message, config = {}) => {
  expect(thrownBy(() => resumed(line, config))).toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringMatching(message),
  });
});

test('the number of steps that a hint suggests is accepted', () => {
  const run = { steps: 400, warmup: 200 };
  const { code, message, hint } = thrownBy(() => resumed('--steps 150', run));
  expect({ code, message }).toEqual({
    code: 'WRONG_RUN',
    message:
      '--steps is 150, but the run in "run.safetensors" has a linear warm-up of 200 steps, after which the learning rate can fall.',
  });
  const least = /at least (\d+), or leave it out for (\d+)/.exec(hint)!.slice(1);
  expect(least).toEqual(['200', '400']);
  for (const steps of least) expect(resumed(`--steps ${steps}`, run).steps).toBe(Number(steps));
  expect(thrownBy(() => resumed('--eval-batches 0')).message).toBe('eval-batches is 0.');
});

describe('a run whose batches were split resumes with the command line that started it', () => {
  const saved = { batch: 4, accumulation: 4 };
  const began = '--batch 8 --accum 2';

  test('saved with its micro-batch, which may differ on a GPU with more memory', () => {
    const cut = { batch: 8, accumulation: 2, microBatch: 4 };
    const whole = { ...RUN.description.config, ...cut };
    expect(resumed(began, cut)).toEqual(whole);
    expect(resumed(`${began} --micro-batch 8`, cut)).toEqual({ ...whole, microBatch: 8 });
  });

  test('saved as a run of smaller batches, with the micro-batches that it had', () => {
    const asked = { ...RUN.description.config, batch: 8, accumulation: 2, microBatch: 4 };
    expect(resumed(began, saved)).toEqual(asked);
    expect(resumed('--preset smoke --accum 2', saved)).toEqual(asked);
    expect(resumed('', saved)).toEqual({ ...RUN.description.config, ...saved });
  });

  test.each([
    ['--batch 8 --accum 4', /--batch is 8, .* has 4/], // other tokens
    ['--batch 2 --accum 8', /--batch is 2, .* has 4/], // its micro-batches were larger
    ['--batch 8', /--batch is 8, .* has 4/],
  ])('%s is another run', (line, message) => {
    expect(thrownBy(() => resumed(line, saved)).message).toMatch(message);
  });
});

test('the text must be the same, and the user’s own text must be given again', () => {
  checkText(RUN, DATASET);
  const other = createDataset('abd'.repeat(200), { name: 'other.txt', tokenizer: 'char', context: 16 });
  expect(thrownBy(() => checkText(RUN, other)).message).toMatch(/letters\.txt.*other\.txt/);
  expect(thrownBy(() => textOf(RUN.description)).message).toContain('letters.txt');
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the saved tokenizer reads the text, which may lack some of its characters', async () => {
  const tokenizer = { kind: 'char', characters: 'abcxyz' } as const;
  const path = join(folder, 'run.safetensors');
  const text = join(folder, 'letters.txt');
  writeFileSync(text, 'abc'.repeat(200));
  await writeRunFile(path, 'abc'.repeat(200), tokenizer);
  const adapter = async () => {
    throw new Error('a saved run has its own sizes: the adapter does not decide them');
  };
  const resumed = () =>
    beginRun(
      parseCommand(['--resume', path, '--data', text]) as TrainCommand,
      new ProgressLine(process.stderr),
      adapter,
    );
  expect((await resumed()).dataset.tokenizer.json).toEqual(tokenizer);
  // Another text is refused because it differs, not because the tokenizer lacks its characters.
  writeFileSync(text, 'def'.repeat(200));
  await expect(resumed()).rejects.toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringContaining(DATASET.checksum),
  });
});

test('a text whose tokens are not those that the run was trained on is refused by name', () => {
  const context = 16;
  const created = (text: string) =>
    createDataset(text.repeat(40), { name: 'letters.txt', tokenizer: 'bpe:260', context });
  const runOn = (dataset: Dataset, tokens: string | null) =>
    ({
      ...RUN,
      description: {
        tokenizer: dataset.tokenizer.json,
        text: { name: 'letters.txt', checksum: dataset.checksum, tokens, builtin: null },
      },
    }) as unknown as RunFile;
  const plain = created('To be, or not to be. ');
  const long = created(`To be, ${'-'.repeat(70)} or not to be. `);
  const bom = created('To be,\ufeff or not to be. ');
  for (const dataset of [plain, long, bom]) checkText(runOn(dataset, dataset.reading.tokens), dataset);
  // A file without a checksum of the tokens is from a version that tokenized some texts differently.
  checkText(runOn(plain, null), plain);
  for (const dataset of [long, bom]) {
    const error = thrownBy(() => checkText(runOn(dataset, null), dataset));
    expect([error.code, error.message]).toEqual([
      'WRONG_RUN',
      expect.stringContaining('tokenized long words'),
    ]);
  }
  const error = thrownBy(() => checkText(runOn(plain, '00ff00ff00ff00ff'), plain));
  expect(error.message).toBe(
    `The run in "run.safetensors" was trained on tokens of "letters.txt" with checksum 00ff00ff00ff00ff, but here their checksum is ${plain.reading.tokens}.`,
  );
});

test('a file is replaced completely or not at all', async () => {
  const path = join(folder, 'run.safetensors');
  await writePiecesAtomically(path, pieces(3));
  expect(readFileSync(path, 'utf8')).toBe('012');
  await expect(writePiecesAtomically(path, pieces(9, 5))).rejects.toMatchObject({
    code: 'SAVE_FAILED',
    message: expect.stringContaining('piece 5'),
  });
  expect(readFileSync(path, 'utf8')).toBe('012');
  expect(readdirSync(folder)).toEqual(['run.safetensors']);
  await expect(writePiecesAtomically(join(folder, 'none', 'run'), pieces(1))).rejects.toMatchObject({
    code: 'SAVE_FAILED',
  });
});

async function* pieces(count: number, failAt = -1): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    if (i === failAt) throw new Error(`piece ${i} is not there`);
    yield new TextEncoder().encode(String(i));
  }
}

test('saving overwrites no existing file except the resumed run', async () => {
  const path = join(folder, 'notes.txt');
  await checkSavePath(path, undefined);
  writeFileSync(path, 'mine');
  await expect(checkSavePath(path, undefined)).rejects.toMatchObject({
    code: 'BAD_VALUE',
    message: expect.stringContaining('something other than a run'),
  });
  await checkSavePath(path, path);
  await expect(checkSavePath(folder, undefined)).rejects.toMatchObject({
    code: 'BAD_VALUE',
    message: `--save "${folder}" is a folder.`,
  });
  await expect(fileSource(folder)).rejects.toMatchObject({
    code: 'BAD_FILE',
    message: `Cannot open "${folder}": it is a folder.`,
  });
});

test('an export that cannot be written after the run is a failure, not a usage error', async () => {
  const { tokenizer } = DATASET;
  const tensors = {
    gpt: gptConfig(PRESETS.smoke.config, tokenizer.vocabulary),
    chunks: [],
    parameters: new Map(),
  };
  const trainer = {
    ...{ plan: { tensors }, dataset: DATASET, config: PRESETS.smoke.config, report: { name: 'a GPU' } },
    ...{ submittedSteps: 1, best: NOT_EVALUATED, firstLoss: null, lastLoss: null },
  } as unknown as Trainer;
  await expect(exportModel(trainer, join(folder, 'removed'), 'F32', null)).rejects.toMatchObject({
    code: 'SAVE_FAILED',
    isUsage: false,
  });
});
