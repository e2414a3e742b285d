import { expect, test } from 'vitest';
import { assembleText, FILE_TEXTS } from '../../../build/assembleTexts.ts';
import { createCopyTask } from '../../../src/engine/data/copyTask.ts';
import { memoryPlan } from '../../../src/engine/memoryPlan.ts';
import type { AdapterReport } from '../../../src/session/protocol.ts';
import { plannedMemory, planProblem } from '../../../src/store/plan.ts';
import { configsOf, DEFAULT_SETTINGS } from '../../../src/store/settings.ts';

const MIB = 2 ** 20;
const none = { state: 'none' } as const;
function adapter(maxStorageBufferBindingSize: number): AdapterReport {
  return { limits: { maxStorageBufferBindingSize, maxBufferSize: 256 * MIB } } as unknown as AdapterReport;
}

test('the memory shown before the start is the plan of the run, for every built-in text', () => {
  const [config] = configsOf(DEFAULT_SETTINGS);
  const shown = plannedMemory(DEFAULT_SETTINGS, none, adapter(128 * MIB))[0];
  for (const text of [...FILE_TEXTS.map(assembleText), createCopyTask()]) {
    const vocabulary = new Set(text).size;
    expect(memoryPlan(config!, vocabulary, { maxBindingBytes: 128 * MIB }).bytes).toEqual(shown);
  }
});

test('a model beyond the limits of the adapter is refused before it starts, with both numbers', () => {
  const settings = { ...DEFAULT_SETTINGS, preset: 'nanogpt-char', modes: ['fp32'] } as const;
  expect(planProblem(settings, none, adapter(16 * MIB))?.message).toMatch(
    /needs .* MiB .*allows 16(\.0)? MiB/,
  );
  expect(planProblem(settings, none, adapter(1024 * MIB))).toBeNull();
  expect(planProblem(settings, none, null)).toBeNull(); // nothing is known about the GPU yet
});
