/** No file is left open, because Node 25 and later end a process that garbage-collects an open file. */

import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { beginRun } from '../../src/cli/beginRun.ts';
import { writingProblem } from '../../src/cli/fileProblem.ts';
import { fileSource } from '../../src/cli/fileSource.ts';
import { parseCommand, type TrainCommand } from '../../src/cli/options.ts';
import { ProgressLine } from '../../src/cli/progress.ts';
import { checkSavePath, newestSave, RunSaver, whatIsSaved } from '../../src/cli/saveRun.ts';
import { openText } from '../../src/cli/texts.ts';
import { readEntry } from '../../src/engine/checkpoint/runFile.ts';
import type { Snapshots } from '../../src/engine/checkpoint/snapshot.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { NOT_EVALUATED } from '../../src/engine/model/best.ts';
import { runTensor, writeRunFile } from './savedRunFile.ts';

/** Descriptors that this process has opened and not closed, by path. */
const left = vi.hoisted(() => new Map<object, string>());
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const open: typeof real.open = async (path, ...rest) => {
    const file = await real.open(path, ...rest);
    left.set(file, String(path));
    const close = file.close.bind(file);
    file.close = async () => {
      left.delete(file);
      await close();
    };
    return file;
  };
  return { ...real, open };
});
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const createReadStream: typeof real.createReadStream = (path, ...rest) => {
    const stream = real.createReadStream(path, ...rest);
    left.set(stream, String(path));
    stream.on('close', () => left.delete(stream));
    return stream;
  };
  return { ...real, createReadStream };
});

let folder: string;
const at = (name: string) => join(folder, name);
const adapter = async () => ({ isFallback: true });
const begin = (...args: string[]) =>
  beginRun(parseCommand(args) as TrainCommand, new ProgressLine(process.stderr), adapter);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
  const fixture = fileURLToPath(new URL('../fixtures/gpt2_conv1d.safetensors', import.meta.url));
  copyFileSync(fixture, at('model.safetensors'));
  writeFileSync(at('config.json'), '{"model_type":"gpt2","n_head":2}');
  writeFileSync(at('text.txt'), 'abcdefghijk'.repeat(50));
  writeFileSync(at('damaged.safetensors'), 'no safetensors');
  await writeRunFile(at('run.safetensors'), 'abcdefghijk'.repeat(50));
});
afterEach(() => {
  expect([...left.values()]).toEqual([]);
  rmSync(folder, { recursive: true });
});

test('--init reads every weight and leaves nothing open', async () => {
  const { initial } = await begin('--init', folder, '--data', at('text.txt'));
  expect(initial?.size).toBeGreaterThan(0);
});

test('--resume leaves nothing open, and its tensors can be read during the whole run', async () => {
  const { resume } = await begin('--resume', at('run.safetensors'), '--data', at('text.txt'));
  expect([...left.values()]).toEqual([]);
  expect(await readEntry(resume!, runTensor)).toEqual(new Uint8Array([1, 2, 3, 4]));
  expect([...left.values()]).toEqual([]);
  const saved = await newestSave(at('run.safetensors'));
  expect(await readEntry(saved!, runTensor)).toEqual(new Uint8Array([1, 2, 3, 4]));
});

test('a refused file is not left open', async () => {
  const refused = [
    () => begin('--init', at('damaged.safetensors')),
    () => begin('--init', folder, '--heads', '4'),
    () => begin('--init', folder, '--data', at('damaged.safetensors')),
    () => begin('--resume', at('damaged.safetensors')),
    () => begin('--resume', at('model.safetensors')),
    () => begin('--resume', folder),
    () => begin('--resume', at('run.safetensors'), '--width', '128'),
    () => checkSavePath(at('run.safetensors'), undefined),
    () => checkSavePath(at('damaged.safetensors'), undefined),
    () => newestSave(at('damaged.safetensors')),
    () => fileSource(at('none')),
  ];
  for (const one of refused) await expect(one()).rejects.toMatchObject({ isUsage: true });
});

test('a text that is only read in part is closed', async () => {
  const text = await openText({ kind: 'file', path: at('text.txt') });
  for await (const chunk of text.open()) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  // A stream closes in the next turn of the event loop.
  await vi.waitFor(() => expect([...left.values()]).toEqual([]), { timeout: 10_000 });
});

test('the last step is saved immediately, because export and sample may fail', async () => {
  const begun: number[] = [];
  const snapshots = {
    pauses: false,
    take: (step: number) => {
      begun.push(step);
      return Promise.reject(new Error('the GPU is gone'));
    },
  } as unknown as Snapshots;
  const trainer = {
    config: { ...PRESETS.smoke.config, steps: 40 },
    device: {} as GPUDevice,
    best: NOT_EVALUATED,
  };
  const described = () => {
    throw new Error('nothing is written');
  };
  const saver = new RunSaver({ path: at('new'), every: 0 }, snapshots, trainer, described, () => {});
  for (const step of [10, 39, 40]) await saver.afterStep(step);
  expect(begun).toEqual([40]);
});

test('the copy of a run that cannot continue is saved if the file has nothing newer', async () => {
  const copy = await newestSave(at('run.safetensors'));
  expect(await whatIsSaved(null, copy)).toMatch(/^Nothing of the run was saved; use --save FILE/);
  const save = { path: at('new.safetensors'), every: 0 };
  expect(await whatIsSaved(save, null)).toMatch(/^Nothing of the run was saved/);
  expect(await whatIsSaved(save, copy)).toBe(
    `The run is saved at step 20; --resume "${save.path}" resumes it.`,
  );
  expect(readFileSync(save.path)).toEqual(readFileSync(at('run.safetensors')));
  const none = { path: at('none/new.safetensors'), every: 0 };
  expect(await whatIsSaved(none, copy)).toMatch(/^Cannot write .*Nothing of the run was saved/);
});

test('a file that was replaced after it was opened is refused', async () => {
  const source = await fileSource(at('text.txt'));
  expect(new TextDecoder().decode(await source.read(1, 3))).toBe('bcd');
  writeFileSync(at('other'), 'ABCDEFGHIJK'.repeat(50));
  renameSync(at('other'), at('text.txt'));
  await expect(source.read(1, 3)).rejects.toMatchObject({
    code: 'BAD_FILE',
    message: expect.stringContaining('replaced'),
  });
});

test.each([
  ['ENOSPC', 'the disk is full'],
  ['EROFS', 'its file system is read-only'],
])('%s is explained in words', (code, words) => {
  expect(writingProblem('a', Object.assign(new Error(code), { code }))).toBe(words);
});
