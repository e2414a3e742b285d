import { describe, expect, test } from 'vitest';
import type { TimedStep } from '../../../src/session/protocol.ts';
import { MetricsLog, meanCost } from '../../../src/store/metricsLog.ts';
import { secondsLeft, tokensPerSecond } from '../../../src/store/speed.ts';

function timedStep(step: number, change: Partial<TimedStep> = {}): TimedStep {
  return {
    step,
    loss: 4 / step,
    lossScale: 65536,
    skipped: false,
    overflow: null,
    gradNorm: 0.5,
    lr: 1e-3,
    appliedSteps: step,
    skippedSteps: 0,
    gpuMs: null,
    time: step * 10,
    ...change,
  };
}

function filled(count: number): MetricsLog {
  const log = new MetricsLog(count);
  for (let step = 1; step <= count; step++) log.push(timedStep(step));
  return log;
}

describe('MetricsLog', () => {
  test('returns every step as reported, however many there are', () => {
    const log = filled(5000);
    expect(log.length).toBe(5000);
    expect(log.at(0)).toEqual(timedStep(1));
    expect(log.at(2499)).toEqual(timedStep(2500));
    expect(log.at(-1)).toEqual(timedStep(5000));
    expect(log.at(5000)).toBeNull();
    expect(log.last(3).map(({ step }) => step)).toEqual([4998, 4999, 5000]);
  });

  test('keeps skipped steps and non-finite losses', () => {
    const log = new MetricsLog(10);
    const skipped = timedStep(1, {
      loss: null,
      gradNorm: null,
      skipped: true,
      overflow: 'h.1.mlp.c_fc.weight',
      lossScale: 2 ** 30,
      appliedSteps: 0,
      skippedSteps: 1,
    });
    log.push(skipped);
    log.push(timedStep(2));
    expect(log.at(0)).toEqual(skipped);
    expect(log.skippedIndexes()).toEqual([0]);
    expect([log.lastSkipped, log.skippedOfLast(1), log.skippedOfLast(2), log.skippedOfLast(9)]).toEqual([
      0, 0, 1, 1,
    ]);
    log.push(timedStep(3, { skipped: true }));
    expect([log.lastSkipped, log.skippedOfLast(2), log.skippedOfLast(3)]).toEqual([2, 1, 2]);
    expect(new MetricsLog(10).lastSkipped).toBe(-1);
  });

  test('keeps the mean of log Z of runs that report it, and adds none to others', () => {
    const log = new MetricsLog(10);
    log.push(timedStep(1, { logZ: 4.5 }));
    log.push(timedStep(2, { logZ: null }));
    expect(log.hasLogZ).toBe(true);
    expect(log.last(2)).toEqual([timedStep(1, { logZ: 4.5 }), timedStep(2, { logZ: null })]);
    const other = filled(2);
    expect(other.hasLogZ).toBe(false);
    expect(other.at(1)).not.toHaveProperty('logZ');
  });

  test('keeps the stages of a precision schedule, and their mean cost', () => {
    const stage = (number: number, cost: number) => ({
      ...{ stage: number, stages: 4, mode: `i${number + 2}g6`, forced: 0, cost },
    });
    const log = new MetricsLog(10);
    const costs = [0.25, 0.25, 0.25, 0.5, 1, 1];
    const steps = costs.map((cost, i) => timedStep(i + 1, { stage: stage(1 + Math.log2(4 * cost), cost) }));
    for (const step of steps) log.push(step);
    expect(log.last(6)).toEqual(steps);
    expect(log.stages.map(({ step, stage: { mode } }) => [step, mode])).toEqual([
      [1, 'i3g6'],
      [4, 'i4g6'],
      [5, 'i5g6'],
    ]);
    expect(meanCost(log)).toBeCloseTo(costs.reduce((sum, cost) => sum + cost) / costs.length, 12);
    expect(filled(2).stages).toEqual([]);
    expect(meanCost(filled(2))).toBeNaN();
  });

  test('finds the entry of a step', () => {
    const log = new MetricsLog(10);
    for (const step of [1, 2, 3, 7, 8]) log.push(timedStep(step));
    expect([0, 1, 3, 5, 7, 100].map((step) => log.indexAt(step))).toEqual([-1, 0, 2, 2, 3, 4]);
    expect(new MetricsLog(10).indexAt(1)).toBe(-1);
  });

  test('smooths without a bias towards zero, with gaps where the loss is not finite', () => {
    const log = new MetricsLog(1000);
    for (let step = 1; step <= 30; step++) log.push(timedStep(step, { loss: step === 5 ? null : 2.5 }));
    const smoothed = [...log.smoothedLoss()];
    expect(smoothed[4]).toBeNaN();
    smoothed.splice(4, 1);
    for (const value of smoothed) expect(value).toBeCloseTo(2.5, 12);
  });
});

describe('speed', () => {
  test('is unknown during warm-up', () => {
    expect(tokensPerSecond(filled(5), 512)).toBeNull();
    expect(tokensPerSecond(filled(6), 512)).toBeCloseTo(51_200);
  });

  test('uses the last 20 steps only', () => {
    const log = filled(100); // 10 ms per step
    for (let step = 101; step <= 120; step++) log.push(timedStep(step, { time: 1000 + (step - 100) * 40 }));
    expect(tokensPerSecond(log, 512)).toBeCloseTo(512 / 0.04);
  });

  test('is a median, so that a pause of the machine does not show', () => {
    const log = filled(40);
    for (let step = 41; step <= 60; step++)
      log.push(timedStep(step, { time: step * 10 + (step > 50 ? 5000 : 0) }));
    expect(tokensPerSecond(log, 512)).toBeCloseTo(51_200);
  });

  test('does not require figures to arrive one by one', () => {
    const log = new MetricsLog(100);
    for (let step = 1; step <= 60; step++) log.push(timedStep(step, { time: Math.ceil(step / 4) * 40 }));
    expect(tokensPerSecond(log, 512)).toBeCloseTo(51_200);
  });

  test("by the GPU's clock is the median of its times, and unknown if one of them is missing", () => {
    const log = new MetricsLog(100);
    for (let step = 1; step <= 60; step++) log.push(timedStep(step, { gpuMs: step % 3 === 0 ? 50 : 4 }));
    expect(tokensPerSecond(log, 512, 4, 'gpu')).toBeNull(); // warming up
    expect(tokensPerSecond(log, 512, 59, 'gpu')).toBeCloseTo(128_000);
    log.push(timedStep(61, { gpuMs: null }));
    expect(tokensPerSecond(log, 512, 60, 'gpu')).toBeNull();
    expect(log.at(-1)?.gpuMs).toBeNull();
    expect(tokensPerSecond(log, 512)).toBeCloseTo(51_200);
  });

  test('is unknown when no time has passed', () => {
    const log = new MetricsLog(100);
    for (let step = 1; step <= 10; step++) log.push(timedStep(step, { time: 5 }));
    expect(tokensPerSecond(log, 512)).toBeNull();
  });

  test('gives the time left as a range after 20 steps', () => {
    expect(secondsLeft(filled(19), 100)).toBeNull();
    const [low, high] = secondsLeft(filled(60), 100)!;
    expect(low).toBeCloseTo(0.4);
    expect(high).toBeCloseTo(0.4);

    const slower = filled(60);
    for (let step = 61; step <= 70; step++) slower.push(timedStep(step, { time: 600 + (step - 60) * 30 }));
    const [best, worst] = secondsLeft(slower, 100)!;
    expect(best).toBeCloseTo(0.3);
    expect(worst).toBeCloseTo(0.9);
  });
});
