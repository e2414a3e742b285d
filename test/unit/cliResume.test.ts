import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writePiecesAtomically } from '../../src/cli/atomicFile.ts';
import { beginRun } from '../../src/cli/beginRun.ts';
import { parseCommand, type TrainCommand } from '../../src/cli/options.ts';
import { resumedConfig, textOf } from '../../src/cli/resumeRun.ts';
import { checkSavePath } from '../../src/cli/saveRun.ts';
import { checkText, type RunFile } from '../../src/engine/checkpoint/runFile.ts';
import { writeSafetensors } from '../../src/engine/checkpoint/safetensors.ts';
import { createDataset } from '../../src/engine/data/dataset.ts';
import { PRESETS } from '../../src/engine/model/presets.ts';
import { thrownBy } from './thrownBy.ts';

const DATASET = createDataset('abc'.repeat(200), { name: 'letters.txt', tokenizer: 'char', context: 16 });

const RUN = {
  file: { source: { name: 'run.safetensors' } },
  progress: { attempted: 20 },
  description: {
    config: { ...PRESETS.smoke.config, steps: 40 },
    text: { name: 'letters.txt', checksum: DATASET.checksum, builtin: null },
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

describe('a run whose batches were cut goes on with the command line that began it', () => {
  const saved = { ...RUN.description.config, batch: 4, accumulation: 4 };
  const runOf = (config: typeof saved) =>
    ({ ...RUN, description: { ...RUN.description, config } }) as unknown as RunFile;
  const began = { batch: '8', accum: '2' };

  test('saved with its micro-batch, which may be another on a GPU with more memory', () => {
    const cut = { ...saved, batch: 8, accumulation: 2, microBatch: 4 };
    expect(resumedConfig(runOf(cut), given(began))).toEqual(cut);
    expect(resumedConfig(runOf(cut), given({ ...began, 'micro-batch': '8' }))).toEqual({
      ...cut,
      microBatch: 8,
    });
  });

  test('saved as one of smaller batches, in the micro-batches that it had', () => {
    const asked = { ...saved, batch: 8, accumulation: 2, microBatch: 4 };
    expect(resumedConfig(runOf(saved), given(began))).toEqual(asked);
    expect(resumedConfig(runOf(saved), given({ preset: 'smoke', accum: '2' }))).toEqual(asked);
    expect(resumedConfig(runOf(saved), given({}))).toEqual(saved);
  });

  test.each([
    [{ batch: '8', accum: '4' }, /batch 4; 8 was asked for/], // other tokens
    [{ batch: '2', accum: '8' }, /batch 4; 2 was asked for/], // its micro-batches were larger
    [{ batch: '8' }, /batch 4; 8 was asked for/],
  ] as const)('%j is another run', (options, message) => {
    expect(thrownBy(() => resumedConfig(runOf(saved), given(options))).message).toMatch(message);
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
  const resumed = () => beginRun(parseCommand(['--resume', path, '--data', text]) as TrainCommand);
  expect((await resumed()).dataset.tokenizer.json).toEqual(tokenizer);
  // Another text is refused as such, not for characters that the tokenizer lacks.
  writeFileSync(text, 'def'.repeat(200));
  await expect(resumed()).rejects.toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringContaining(DATASET.checksum),
  });
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
