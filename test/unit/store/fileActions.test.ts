import { expect, test, vi } from 'vitest';
import { GPT2_KINDS } from '../../../src/engine/config/gptConfig.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { OpenedFile, SavedRun } from '../../../src/session/protocol.ts';

// The stores use the document when they are created.
vi.stubGlobal('document', { addEventListener: () => {} });
const { closeFile, continueObstacle, openAddress, stopLoading } = await import(
  '../../../src/store/fileActions.ts'
);
const { applyFileEvent, useFiles } = await import('../../../src/store/files.ts');
const { useSettings } = await import('../../../src/store/settingsStore.ts');

const SAVED = {
  step: 100,
  config: { ...PRESETS.starter.config, steps: 400, warmup: 200 },
  text: { builtin: 'moby-dick' },
} as unknown as SavedRun;

test('a run in a file continues to a number of steps that fits its settings', () => {
  expect(continueObstacle(SAVED, 100)).toMatch(/has taken 100 steps/);
  expect(continueObstacle(SAVED, 150)).toMatch(/warm-up of 200 steps/);
  expect(continueObstacle(SAVED, 200)).toBeNull();
  expect(continueObstacle(SAVED, 1_000_001)).toMatch(/1,000,000/);
});

const ADDRESS = 'https://models.example/tiny';
const opened = () => useFiles.getState().opened;
const PROGRESS = { name: 'model.safetensors', bytes: 5, size: 10, part: 1, parts: 1, resumable: true };
const MODEL: OpenedFile = {
  kind: 'model',
  name: 'model.safetensors',
  heads: 2,
  tokenizer: 'char',
  likelyTokenizer: null,
  notes: [],
  shape: { layers: 2, width: 16, context: 8, vocabulary: 11, tied: true, ...GPT2_KINDS },
};

/** Number of the newest attempt. */
function loading(): number {
  const now = opened();
  if (now.state !== 'loading') throw new Error(`the file is ${now.state}`);
  return now.id;
}

test('a download shows its progress, keeps its address when it is cancelled, and opens its model', () => {
  openAddress(` ${ADDRESS} `);
  const first = loading();
  applyFileEvent({ type: 'fileProgress', id: first, progress: PROGRESS });
  expect(opened()).toMatchObject({ address: ADDRESS, progress: PROGRESS });
  stopLoading();
  expect(opened()).toEqual({ state: 'stopped', address: ADDRESS, progress: PROGRESS });
  // What was on its way is ignored.
  applyFileEvent({ type: 'fileOpened', id: first, file: MODEL });
  expect(opened().state).toBe('stopped');

  openAddress(ADDRESS);
  const second = loading();
  expect(second).not.toBe(first);
  applyFileEvent({ type: 'fileOpened', id: second, file: MODEL });
  expect(useSettings.getState().settings.init).toMatchObject({ id: second, heads: 2 });
  closeFile();
  expect([opened().state, useSettings.getState().settings.init]).toEqual(['none', null]);
});

test('a refused download can be loaded again from its address', () => {
  openAddress(ADDRESS);
  const error = { code: 'MODEL_UNAVAILABLE', message: 'Broken.', hint: 'Again.' } as const;
  applyFileEvent({ type: 'fileRefused', id: loading(), error });
  expect(opened()).toEqual({ state: 'refused', error, address: ADDRESS });
  closeFile();
});
