import { beforeEach, expect, test, vi } from 'vitest';
import { PRESETS } from '../../../../src/engine/config/presets.ts';
import { sharpnessOf } from '../../../../src/engine/inspect/sharpness.ts';
import type { RunSummary, SessionEvent } from '../../../../src/session/protocol.ts';
import { useHistory } from '../../../../src/store/history/historyStore.ts';
import { recordRuns } from '../../../../src/store/history/recorder.ts';
import { keepRunsIn } from '../../../../src/store/history/writing.ts';
import { beginRuns, setRunsAside } from '../../../../src/store/runTransitions.ts';
import { DEFAULT_SETTINGS } from '../../../../src/store/settings.ts';
import { record, step } from './fixtures.ts';

vi.stubGlobal('document', { hidden: false, addEventListener: () => {} });
const { applyEvent } = await import('../../../../src/store/events.ts');

const config = { ...PRESETS.smoke.config, steps: 3 };
const { facts } = record();
const summary = {
  ...record().summary!,
  precision: 'fp16',
  storage: null,
  params: 1,
  memory: facts.memory,
  kernels: {},
};

const sharpness = sharpnessOf(2, Float32Array.from([1, 2, 3, 0]), 1);
const send = (...events: SessionEvent[]) => events.forEach(applyEvent);
const started = { type: 'started', run: 0, config, facts: facts as never } as const;
const metrics = (run = 0): SessionEvent => ({
  type: 'metrics',
  run,
  steps: [step(1), step(2, { loss: null }), step(3)],
  evals: [{ step: 3, valLoss: 3 }],
  sharpness: [sharpness],
});
const finished = (change: Partial<RunSummary> = {}): SessionEvent => ({
  type: 'finished',
  run: 0,
  summary: { ...summary, ...change } as RunSummary,
});
const heading = {
  prompt: '',
  length: 1,
  temperature: 0.8,
  topK: 40,
  seed: 1,
  kind: 'live',
  step: 3,
  loss: 1,
} as const;
const error = { code: 'DEVICE_LOST', message: 'gone', hint: 'again' } as const;
const saved = () => useHistory.getState().runs;

keepRunsIn({ all: async () => [], put: async () => {}, change: async () => true, remove: async () => {} });
recordRuns();
beforeEach(() => {
  useHistory.setState(useHistory.getInitialState(), true);
  beginRuns({ configs: [config], schedule: 'sequential' });
});

test('a finished run is recorded once, with its last step, and later samples are added', () => {
  send(started, metrics());
  expect(saved()).toEqual([]);
  send(finished(), { type: 'completed' });
  expect(saved()).toHaveLength(1);
  expect(saved()[0]).toMatchObject({ outcome: 'finished', preset: 'starter', error: null, samples: [] });
  expect(saved()[0]!.curve.loss).toEqual([expect.closeTo(4), null, expect.closeTo(4)]);
  expect(saved()[0]!.evals).toEqual([{ step: 3, valLoss: 3 }]);
  expect(saved()[0]!.sharpness).toEqual([sharpness]);
  for (const text of ['a', 'b']) {
    send({ type: 'sampled', run: 0, sample: { ...heading, text, ids: [], tokens: [], tokensPerSec: 9 } });
  }
  expect(saved()).toHaveLength(1);
  expect(saved()[0]!.samples.map(({ text }) => text)).toEqual(['a', 'b']);
});

test('a run that ended early is recorded as stopped', () => {
  send(started, metrics(), finished({ steps: 2 }), { type: 'completed' });
  expect(saved()).toMatchObject([{ outcome: 'stopped' }]);
});

test('a lost GPU leaves a failed run with its error', () => {
  send(started, metrics(), { type: 'lost', error });
  expect(saved()).toMatchObject([{ outcome: 'failed', error, summary: null }]);
});

test('a run with reduced micro-batches is recorded as it was trained', () => {
  const trained = { ...config, microBatch: config.batch / 2 };
  send({ ...started, config: trained }, metrics(), finished());
  expect(saved()[0]!.config).toEqual(trained);
});

test('two runs have separate records with the same start', () => {
  beginRuns({ configs: [config, { ...config, precision: 'fp32' }], schedule: 'sequential' });
  send(
    started,
    metrics(),
    finished(),
    { ...started, run: 1, config: { ...config, precision: 'fp32' } },
    metrics(1),
  );
  send({ type: 'runFailed', run: 1, error: { ...error, code: 'TOO_MANY_SKIPS' } }, { type: 'completed' });
  const [a, b] = [...saved()].sort((x, y) => x.outcome.localeCompare(y.outcome));
  expect([a?.outcome, b?.outcome]).toEqual(['failed', 'finished']);
  expect(a!.start).toBe(b!.start);
  expect(a!.id).not.toBe(b!.id);
  expect(a!.config.precision).toBe('fp32');
});

test('runs that were set aside for a recording are not recorded again, and a recording never is', () => {
  send(started, metrics(), finished(), { type: 'completed' });
  const showAgain = setRunsAside();
  beginRuns({ configs: [config], schedule: 'sequential', purpose: 'recording' });
  send(started, metrics(), finished());
  expect(saved()).toHaveLength(1);
  showAgain();
  expect(saved()).toHaveLength(1);
  // Samples that are written after that still go to its record.
  const sample = { ...heading, text: 'a', ids: [], tokens: [], tokensPerSec: 9 };
  send({ type: 'sampled', run: 0, sample });
  expect(saved()[0]!.samples.map(({ text }) => text)).toEqual(['a']);
});

test('a run has the preset that it was started with, not the one chosen meanwhile', () => {
  beginRuns({
    configs: [config],
    schedule: 'sequential',
    startedWith: { ...DEFAULT_SETTINGS, preset: 'smoke' },
  });
  send(started, metrics(), finished());
  expect(saved()[0]!.preset).toBe('smoke');
});

test('a run without a first step is not recorded', () => {
  send({ type: 'failed', error });
  expect(saved()).toEqual([]);
});
