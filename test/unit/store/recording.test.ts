import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readRecording, show } from '../../../src/store/recording.ts';
import { logOf, useRun } from '../../../src/store/runStore.ts';

const json = JSON.parse(readFileSync(new URL('../../../public/recorded-run.json', import.meta.url), 'utf8'));

test('the recording of the page is shown as runs that are not training', () => {
  show(readRecording(json));
  const { status, configs, runs } = useRun.getState();
  expect(status).toBe('idle');
  expect(configs.map(({ precision }) => precision)).toEqual(['fp32', 'fp16', 'fp16-noscale']);
  for (const [index, run] of runs.entries()) {
    expect(logOf(index)?.length).toBe(300);
    expect(logOf(index)?.evals.map(({ step }) => step)).toEqual([100, 200, 300]);
    expect(run.latest?.loss).toBe(json.runs[index].loss[299]);
    expect(run.summary?.adapter).toMatch(/./);
  }
  // The point of the recording: without loss scaling, f16 learns less.
  const [full, half, unscaled] = runs.map(({ summary }) => summary!.valLoss!);
  expect(Math.abs(half! - full!)).toBeLessThan(0.02);
  expect(unscaled! - full!).toBeGreaterThan(0.3);
});

test('a file that is not a recording is refused', () => {
  expect(() => readRecording({ ...json, runs: [{ ...json.runs[0], loss: 'low' }] })).toThrow();
  expect(() => readRecording({ ...json, preset: 'huge' })).toThrow();
});
