import { expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { RunSummary, RunWarning, TimedStep } from '../../../src/session/protocol.ts';
import {
  addWarning,
  beginRuns,
  dismissWarning,
  isModelOnGpu,
  leadingRun,
  overallProgress,
  updateRun,
  useRun,
} from '../../../src/store/runStore.ts';

const error = { code: 'TOO_MANY_SKIPS', message: 'ten', hint: '' } as const;
const configs = [1, 2].flatMap((seed) =>
  (['fp32', 'fp16'] as const).map((precision) => ({ ...PRESETS.smoke.config, steps: 10, precision, seed })),
);

test('in lockstep the shown figures are those of the first run of a seed that has not failed', () => {
  beginRuns(configs, 'lockstep');
  const leading = (run: number) => leadingRun(useRun.getState(), run);
  expect([0, 1, 2, 3].map(leading)).toEqual([0, 0, 2, 2]);
  updateRun(2, { error });
  expect([2, 3].map(leading)).toEqual([3, 3]);
  updateRun(3, { error });
  expect(leading(3)).toBe(3);
  beginRuns(configs, 'sequential');
  expect([0, 1, 2, 3].map(leading)).toEqual([0, 1, 2, 3]);
});

test('a failed mode can still be sampled, but not after other errors', () => {
  expect(isModelOnGpu({ status: 'failed', error: null })).toBe(true);
  expect(isModelOnGpu({ status: 'failed', error: { ...error, code: 'OUT_OF_MEMORY' } })).toBe(false);
  for (const status of ['paused', 'done'] as const) expect(isModelOnGpu({ status, error: null })).toBe(true);
  for (const status of ['idle', 'preparing', 'training', 'stopping', 'lost'] as const) {
    expect(isModelOnGpu({ status, error: null })).toBe(false);
  }
});

test('progress is the share of all steps in any order; ended runs count as complete', () => {
  beginRuns(configs, 'lockstep');
  const progress = () => overallProgress(useRun.getState());
  expect(progress()).toBe(0);
  for (const run of [0, 1]) updateRun(run, { latest: { step: 5 } as TimedStep });
  expect(progress()).toBe(0.25);
  updateRun(0, { summary: {} as RunSummary });
  updateRun(1, { error });
  expect(progress()).toBe(0.5);
  beginRuns([], 'sequential');
  expect(progress()).toBe(0);
});

test('the newest warning of each kind is kept until it is dismissed', () => {
  beginRuns(configs, 'sequential');
  const warning = (kind: RunWarning['kind'], step: number): RunWarning => ({
    kind,
    step,
    message: '',
    hint: '',
  });
  const shown = () => useRun.getState().runs[1]!.warnings.map(({ kind, step }) => [kind, step]);
  for (const one of [warning('skips', 10), warning('lossSpike', 140), warning('skips', 300)])
    addWarning(1, one);
  expect(shown()).toEqual([
    ['lossSpike', 140],
    ['skips', 300],
  ]);
  dismissWarning(1, warning('skips', 300));
  expect(shown()).toEqual([['lossSpike', 140]]);
  beginRuns(configs, 'sequential');
  expect(shown()).toEqual([]);
});
