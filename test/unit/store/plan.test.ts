import { beforeAll, expect, test } from 'vitest';
import { assembleText, FILE_TEXTS } from '../../../build/assembleTexts.ts';
import { createCopyTask } from '../../../src/engine/data/copyTask.ts';
import { memoryPlan } from '../../../src/engine/model/memoryPlan.ts';
import type { PrecisionMode } from '../../../src/engine/precision/recipes.ts';
import type { AdapterReport, StoredRun } from '../../../src/session/protocol.ts';
import type { Place } from '../../../src/session/storage/places.ts';
import {
  loadPlanner,
  memoryEstimates,
  microBatchThatFits,
  plannedMemory,
  planProblem,
} from '../../../src/store/plan.ts';
import { useSavedRun } from '../../../src/store/savedRun.ts';
import { configsOf, DEFAULT_SETTINGS, type Settings } from '../../../src/store/settings.ts';

const MIB = 2 ** 20;

beforeAll(loadPlanner);

const none = { state: 'none' } as const;
function adapter(maxStorageBufferBindingSize: number): AdapterReport {
  return { limits: { maxStorageBufferBindingSize, maxBufferSize: 256 * MIB } } as unknown as AdapterReport;
}

function inputs<Adapter extends AdapterReport | null>(settings: Settings, on: Adapter) {
  return { settings, ownText: none, adapter: on, saving: useSavedRun.getState() };
}

test('the memory shown before the start equals the plan of the run, for every built-in text', () => {
  const [config] = configsOf(DEFAULT_SETTINGS);
  const shown = plannedMemory(inputs(DEFAULT_SETTINGS, adapter(128 * MIB)))[0];
  for (const text of [...FILE_TEXTS.map(assembleText), createCopyTask()]) {
    const vocabulary = new Set(text).size;
    expect(memoryPlan(config!, vocabulary, { maxBindingBytes: 128 * MIB, saved: true }).bytes).toEqual(shown);
  }
});

test('the copy for saving is planned only for a saved run: a single one, unless two unfinished ones are stored', () => {
  const snapshots = (modes: readonly PrecisionMode[] = ['fp32']) =>
    plannedMemory(inputs({ ...DEFAULT_SETTINGS, modes }, adapter(128 * MIB))).map(({ snapshot }) => snapshot);
  const before = useSavedRun.getState();
  expect(snapshots()[0]).toBeGreaterThan(0);
  expect(snapshots(['fp32', 'fp16'])).toEqual([0, 0]);
  const left = (place: Place, ended: boolean) => ({ place, ended, savedAt: place }) as StoredRun;
  useSavedRun.setState({ stored: [left(0, false), left(1, true)] });
  expect(snapshots()[0]).toBeGreaterThan(0); // the ended run is replaced
  useSavedRun.setState({ stored: [left(0, false), left(1, false)] });
  expect(snapshots()).toEqual([0]);
  useSavedRun.setState({ stored: [], every: 0 });
  expect(snapshots()).toEqual([0]);
  useSavedRun.setState(before);
});

test('a model beyond the limits of the adapter is refused before it starts, with both numbers', () => {
  const settings = { ...DEFAULT_SETTINGS, preset: 'nanogpt-char', modes: ['fp32'] } as const;
  expect(planProblem(inputs(settings, adapter(16 * MIB)))?.message).toMatch(
    /needs .* MiB .*allows 16(\.0)? MiB/,
  );
  expect(planProblem(inputs(settings, adapter(1024 * MIB)))).toBeNull();
  expect(planProblem(inputs(settings, null))).toBeNull(); // nothing is known about the GPU yet
});

test('each mode is estimated once, however many seeds it has, with the memory of FP32', () => {
  const settings = { ...DEFAULT_SETTINGS, modes: ['fp16', 'fp32'], seeds: 3 } as const;
  const estimates = memoryEstimates(inputs(settings, adapter(128 * MIB)));
  expect(estimates.map(({ mode }) => mode)).toEqual(['fp16', 'fp32']);
  const [half, full] = estimates;
  expect(half!.fp32).toEqual(full!.bytes);
  expect(full!.fp32).toEqual(full!.bytes);
  expect(half!.largest.bytes).toBeLessThan(half!.bytes.total);
});

test('the offered micro-batch is the largest that fits every mode and divides the batch', () => {
  const settings = { ...DEFAULT_SETTINGS, modes: ['fp16', 'fp32'], batch: 5000 } as const;
  const small = adapter(32 * MIB);
  expect(memoryEstimates(inputs(settings, small))).toHaveLength(2); // shown although it does not fit
  const fits = microBatchThatFits(inputs(settings, small))!;
  expect(5000 % fits).toBe(0);
  expect(planProblem(inputs({ ...settings, 'micro-batch': fits }, small))).toBeNull();
  for (let larger = fits + 1; larger <= 5000; larger++) {
    if (5000 % larger !== 0) continue;
    expect(planProblem(inputs({ ...settings, 'micro-batch': larger }, small))).not.toBeNull();
  }
  expect(microBatchThatFits(inputs({ ...settings, 'micro-batch': fits }, small))).toBeNull(); // nothing to fix
  expect(microBatchThatFits(inputs({ ...settings, width: 4096 }, small))).toBeNull(); // not caused by the batch
});
