import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writePiecesAtomically } from '../../src/cli/atomicFile.ts';
import { beginRun } from '../../src/cli/beginRun.ts';
import { parseCommand, type TrainCommand } from '../../src/cli/options.ts';
import { ProgressLine } from '../../src/cli/progress.ts';
import { resumedConfig, textOf } from '../../src/cli/resumeRun.ts';
import { checkSavePath } from '../../src/cli/saveRun.ts';
import { checkText, type RunFile } from '../../src/engine/checkpoint/runFile.ts';
import { writeSafetensors } from '../../src/engine/checkpoint/safetensors.ts';
import { createDataset, type Dataset } from '../../src/engine/data/dataset.ts';
import { PRESETS } from '../../src/engine/model/presets.ts';
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

const given = (options: Record<string, string>) => new Map(Object.entries(options));

test('what does not change a step may change; steps are the new total', () => {
  const saved = RUN.description.config;
  expect(resumedConfig(RUN, given({}))).toEqual(saved);
  expect(resumedConfig(RUN, given({ preset: 'smoke', steps: '60', 'eval-every': '7', width: '64' }))).toEqual(
    {
      ...saved,
      steps: 60,
      evalEvery: 7,
    },
  );
});

test.each([
  [{ width: '128' }, /width 64; 128 was asked for/],
  [{ preset: 'starter' }, /layers 2; 4 was asked for/],
  [{ precision: 'bf16' }, /precision "fp16"; "bf16" was asked for/],
  [{ lr: '0.5' }, /learningRate .*; 0.5 was asked for/],
  [{ steps: '19' }, /--steps is 19, and the run .* has taken 20/],
] as const)('%j contradicts the run', (options, message) => {
  expect(thrownBy(() => resumedConfig(RUN, given(options)))).toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringMatching(message),
  });
});

test('the text must be the same; one of the user’s must be given again', () => {
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
  const tokenizer = { kind: 'char', characters: 'abcxyz' };
  const path = join(folder, 'run.safetensors');
  const text = join(folder, 'letters.txt');
  writeFileSync(text, 'abc'.repeat(200));
  const run = {
    ...{ version: 1, ...RUN.description, tokenizer, storage: null, kernels: { matmul: 'register8' } },
    ...{ config: { ...RUN.description.config, context: 16 }, adapter: 'a GPU', firstLoss: null, savedAt: 0 },
    progress: { attempted: 20, applied: 20, skipped: 0, lossScale: 1, growthTracker: 0, nextMicroBatch: 20 },
  };
  await writePiecesAtomically(path, writeSafetensors([], { halfstep: JSON.stringify(run) }));
  const resumed = () =>
    beginRun(
      parseCommand(['--resume', path, '--data', text]) as TrainCommand,
      new ProgressLine(process.stderr),
    );
  expect((await resumed()).dataset.tokenizer.json).toEqual(tokenizer);
  // Another text is refused as such, not for characters that the tokenizer lacks.
  writeFileSync(text, 'def'.repeat(200));
  await expect(resumed()).rejects.toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringContaining(DATASET.checksum),
  });
});

test('tokens are those that the run was trained on, or it is refused by name', () => {
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
  // A file that does not say which tokens they were is of a version that had other rules for some texts.
  checkText(runOn(plain, null), plain);
  for (const dataset of [long, bom]) {
    const error = thrownBy(() => checkText(runOn(dataset, null), dataset));
    expect([error.code, error.message]).toEqual(['WRONG_RUN', expect.stringContaining('cut long words')]);
  }
  const error = thrownBy(() => checkText(runOn(plain, '00ff00ff00ff00ff'), plain));
  expect(error.message).toBe(
    `The run in "run.safetensors" was trained on the tokens 00ff00ff00ff00ff of "letters.txt"; here they are ${plain.reading.tokens}.`,
  );
});

test('a file is replaced whole or not at all', async () => {
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

test('nothing that is there is saved over, but the run that is gone on with', async () => {
  const path = join(folder, 'notes.txt');
  await checkSavePath(path, undefined);
  writeFileSync(path, 'mine');
  await expect(checkSavePath(path, undefined)).rejects.toMatchObject({
    code: 'BAD_VALUE',
    message: expect.stringContaining('something else'),
  });
  await checkSavePath(path, path);
});
