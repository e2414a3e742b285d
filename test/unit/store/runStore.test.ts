import { expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { RunFacts, RunSummary, RunWarning } from '../../../src/session/protocol.ts';
import { isModelOnGpu, leadingRun, logOf, overallProgress, useRun } from '../../../src/store/runStore.ts';
import {
  addWarning,
  beginRuns,
  dismissWarning,
  figuresArrived,
  runCompiling,
  runEnded,
  runFailed,
  runStarted,
  sampleRequested,
  trainingCompleted,
  trainingFailed,
  trainingPaused,
  trainingResumed,
  trainingStopping,
} from '../../../src/store/runTransitions.ts';
import { step } from './history/fixtures.ts';

const error = { code: 'TOO_MANY_SKIPS', message: 'ten', hint: '' } as const;
const configs = [1, 2].flatMap((seed) =>
  (['fp32', 'fp16'] as const).map((precision) => ({ ...PRESETS.smoke.config, steps: 10, precision, seed })),
);
const start = (run: number) => runStarted(run, configs[run]!, { resumedAt: 0 } as RunFacts);
const end = (run: number) => runEnded(run, {} as RunSummary);
const compile = (run: number) => runCompiling(run, { compiled: 1, total: 2 });
const status = () => useRun.getState().status;
const stages = () => useRun.getState().runs.map(({ stage }) => stage);

test('in lockstep the shown figures are those of the first run of a seed that has not failed', () => {
  beginRuns({ configs, schedule: 'lockstep' });
  const leading = (run: number) => leadingRun(useRun.getState(), run);
  expect([0, 1, 2, 3].map(leading)).toEqual([0, 0, 2, 2]);
  runFailed(2, error);
  expect([2, 3].map(leading)).toEqual([3, 3]);
  expect(useRun.getState().active).toBe(3);
  runFailed(3, error);
  expect(leading(3)).toBe(3);
  beginRuns({ configs, schedule: 'sequential' });
  expect([0, 1, 2, 3].map(leading)).toEqual([0, 1, 2, 3]);
});

test('a failed mode can still be sampled, but not after other errors', () => {
  expect(isModelOnGpu({ status: 'failed', error: null })).toBe(true);
  expect(isModelOnGpu({ status: 'failed', error: { ...error, code: 'OUT_OF_MEMORY' } })).toBe(false);
  for (const one of ['paused', 'done'] as const)
    expect(isModelOnGpu({ status: one, error: null })).toBe(true);
  for (const one of ['idle', 'preparing', 'training', 'stopping', 'lost'] as const) {
    expect(isModelOnGpu({ status: one, error: null })).toBe(false);
  }
});

test('progress is the share of all steps in any order; ended runs count as complete', () => {
  beginRuns({ configs, schedule: 'lockstep' });
  const progress = () => overallProgress(useRun.getState());
  expect(progress()).toBe(0);
  for (const run of [0, 1]) logOf(run)!.push(step(5));
  figuresArrived();
  expect(progress()).toBe(0.25);
  end(0);
  runFailed(1, error);
  expect(progress()).toBe(0.5);
  beginRuns({ configs: [], schedule: 'sequential' });
  expect(progress()).toBe(0);
});

test('the newest warning of each kind is kept until it is dismissed', () => {
  beginRuns({ configs, schedule: 'sequential' });
  const warning = (kind: RunWarning['kind'], at: number): RunWarning => ({
    kind,
    step: at,
    message: '',
    hint: '',
  });
  const shown = () => useRun.getState().runs[1]!.warnings.map((one) => [one.kind, one.step]);
  for (const one of [warning('skips', 10), warning('lossSpike', 140), warning('skips', 300)])
    addWarning(1, one);
  expect(shown()).toEqual([
    ['lossSpike', 140],
    ['skips', 300],
  ]);
  dismissWarning(1, warning('skips', 300));
  expect(shown()).toEqual([['lossSpike', 140]]);
  beginRuns({ configs, schedule: 'sequential' });
  expect(shown()).toEqual([]);
});

test('a training goes from stage to stage, and what it did not reach is unfinished at its end', () => {
  beginRuns({ configs, schedule: 'sequential' });
  expect([status(), useRun.getState().compiling]).toEqual(['preparing', null]);
  compile(0);
  expect([status(), useRun.getState().compiling]).toEqual(['preparing', { compiled: 1, total: 2 }]);
  start(0);
  expect([status(), useRun.getState().compiling]).toEqual(['training', null]);
  trainingPaused();
  expect(status()).toBe('paused');
  trainingResumed();
  expect(status()).toBe('training');
  end(0);
  compile(1);
  expect([status(), useRun.getState().active]).toEqual(['preparing', 1]);
  start(1);
  runFailed(1, error);
  compile(2);
  expect(stages()).toEqual(['ended', 'failed', 'compiling', 'waiting']);
  trainingStopping();
  trainingCompleted();
  expect(status()).toBe('done');
  expect(stages()).toEqual(['ended', 'failed', 'unfinished', 'unfinished']);
});

test('a run whose device was lost is compiled again and keeps what it has', () => {
  beginRuns({ configs: configs.slice(0, 1), schedule: 'sequential' });
  start(0);
  logOf(0)!.push(step(1));
  figuresArrived();
  compile(0);
  expect(useRun.getState().runs[0]).toMatchObject({
    ...{ stage: 'compiling', facts: { resumedAt: 0 }, latest: { step: 1 } },
  });
});

test('a training that was stopped before its first step leaves the page as it was; failed runs do not', () => {
  beginRuns({ configs: configs.slice(0, 1), schedule: 'sequential' });
  trainingStopping();
  trainingCompleted();
  expect(status()).toBe('idle');
  beginRuns({ configs: configs.slice(0, 1), schedule: 'sequential' });
  start(0);
  runFailed(0, error);
  trainingCompleted();
  expect([status(), useRun.getState().error]).toEqual(['failed', null]);
});

test('an error of the training ends every run and what was being written', () => {
  beginRuns({ configs, schedule: 'lockstep' });
  start(0);
  sampleRequested();
  trainingFailed('lost', error);
  expect(useRun.getState()).toMatchObject({ status: 'lost', error, sampling: false, writing: null });
  expect(new Set(stages())).toEqual(new Set(['unfinished']));
  beginRuns({ configs, schedule: 'lockstep' });
  expect(useRun.getState()).toMatchObject({ status: 'preparing', error: null });
});

test('what arrives after Stop was pressed does not show the runs as still training', () => {
  beginRuns({ configs, schedule: 'sequential' });
  trainingStopping();
  for (const late of [() => compile(0), () => start(0), trainingPaused, trainingResumed]) {
    late();
    expect(status()).toBe('stopping');
  }
});

test('what arrives after the end does not show the runs as paused or training', () => {
  beginRuns({ configs: configs.slice(0, 1), schedule: 'sequential' });
  start(0);
  end(0);
  trainingCompleted();
  for (const late of [trainingPaused, trainingResumed, trainingStopping]) {
    late();
    expect(status()).toBe('done');
  }
});
