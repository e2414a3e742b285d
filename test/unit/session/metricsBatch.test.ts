import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { EvalMetrics, StepMetrics } from '../../../src/engine/train/metrics.ts';
import { MetricsBatch } from '../../../src/session/metricsBatch.ts';
import type { TimedStep } from '../../../src/session/protocol.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function stepMetrics(step: number): StepMetrics {
  return {
    step,
    loss: 1,
    lossScale: 1,
    skipped: false,
    overflow: null,
    gradNorm: 1,
    lr: 1,
    appliedSteps: step,
    skippedSteps: 0,
    gpuMs: null,
  };
}

function recorder() {
  const sent: { steps: readonly TimedStep[]; evals: readonly EvalMetrics[] }[] = [];
  const batch = new MetricsBatch((steps, evals) => sent.push({ steps, evals }));
  return { sent, batch };
}

test('excluded time is not training time, even if a pause begins within it', () => {
  const { sent, batch } = recorder();
  batch.addStep(stepMetrics(1));
  vi.advanceTimersByTime(1000); // a sample
  batch.excludeElapsed();
  vi.advanceTimersByTime(10);
  batch.addStep(stepMetrics(2));
  vi.advanceTimersByTime(500); // a sample during which Pause is pressed
  batch.pause();
  vi.advanceTimersByTime(500);
  batch.excludeElapsed();
  vi.advanceTimersByTime(500);
  batch.resume();
  vi.advanceTimersByTime(10);
  batch.addStep(stepMetrics(3));
  batch.flush();
  const times = sent.flatMap(({ steps }) => steps.map(({ time }) => time));
  expect(times).toEqual([0, 10, 20]);
});

test('sends the first step at once and at most ten messages a second after it', () => {
  const { sent, batch } = recorder();
  for (let step = 1; step <= 1000; step++) {
    batch.addStep(stepMetrics(step));
    vi.advanceTimersByTime(1);
  }
  batch.flush();
  expect(sent[0]!.steps).toHaveLength(1);
  expect(sent.length).toBeLessThanOrEqual(12);
  expect(sent.flatMap(({ steps }) => steps.map(({ step }) => step))).toEqual(
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
});

test('sends the remaining metrics by itself, and nothing twice', () => {
  const { sent, batch } = recorder();
  batch.addStep(stepMetrics(1));
  batch.addStep(stepMetrics(2));
  vi.advanceTimersByTime(1000);
  batch.flush();
  expect(sent.map(({ steps }) => steps.length)).toEqual([1, 1]);
});

test('counts training time without pauses and evaluations', () => {
  const { sent, batch } = recorder();
  vi.advanceTimersByTime(10);
  batch.addStep(stepMetrics(1)); // at 10
  vi.advanceTimersByTime(500);
  batch.addEval({ step: 1, valLoss: 1 }); // 500 of evaluation
  vi.advanceTimersByTime(10);
  batch.addStep(stepMetrics(2)); // at 20
  vi.advanceTimersByTime(5);
  batch.pause(); // at 25
  vi.advanceTimersByTime(3000);
  batch.addStep(stepMetrics(3)); // submitted before the pause
  batch.resume();
  vi.advanceTimersByTime(5);
  batch.addStep(stepMetrics(4)); // at 30
  batch.flush();
  expect(sent.flatMap(({ steps }) => steps.map(({ time }) => time))).toEqual([10, 20, 25, 30]);
});
