import { describe, expect, test } from 'vitest';
import {
  speedFinding,
  speedNoise,
  speedWithin,
  type TimedRun,
} from '../../../src/engine/experiments/speed.ts';
import { spreadOf } from '../../../src/engine/experiments/spread.ts';

/** A run with step times from `msOf`, and its speed at 512 tokens per step after the warm-up. */
function timed(steps: number, msOf: (step: number) => number): TimedRun {
  const durations = Array.from({ length: steps }, (_, i) => msOf(i + 1));
  let now = 0;
  const times = durations.map((ms) => {
    now += ms;
    return now;
  });
  const counted = durations.slice(5);
  const total = counted.reduce((sum, ms) => sum + ms, 0);
  return { times, tokensPerSec: (512_000 * counted.length) / total };
}

describe('the speed within a run', () => {
  test('is computed from fifths of the run, without the warm-up', () => {
    // 20 steps a fifth: 40 ms each in the first, 20 ms in the others.
    const run = timed(105, (step) => (step <= 5 ? 5000 : step <= 25 ? 40 : 20));
    const within = speedWithin(run)!;
    expect(within.count).toBe(5);
    expect(within.low).toBeCloseTo(12_800, 6);
    expect(within.high).toBeCloseTo(25_600, 6);
  });

  test('of even steps is one speed', () => {
    const run = timed(105, () => 20);
    expect(speedWithin(run)!.low).toBeCloseTo(run.tokensPerSec!, 6);
    expect(speedWithin(run)!.high).toBeCloseTo(run.tokensPerSec!, 6);
  });

  test.each([
    ['20 steps', timed(20, () => 1000)],
    ['54 steps, of which 49 count', timed(54, () => 1000)],
    ['a thousand steps in less than a second', timed(1005, () => 0.9)],
    ['no step', { times: [], tokensPerSec: null }],
    ['no clock of its own', { times: null, tokensPerSec: null }],
  ])('says nothing of %s', (_, run) => expect(speedWithin(run)).toBeNull());

  test.each([
    ['55 steps', timed(55, () => 100)],
    ['a thousand steps in a second', timed(1005, () => 1)],
  ])('is known of %s', (_, run) => expect(speedWithin(run)).not.toBeNull());
});

describe('a difference in speed', () => {
  const finding = (mode: TimedRun[], reference: TimedRun[]) => {
    const mean = (runs: TimedRun[]) => spreadOf(runs.map(({ tokensPerSec }) => tokensPerSec))!.mean;
    return speedFinding(mean(mode) / mean(reference), speedNoise(mode), speedNoise(reference));
  };
  const steady = timed(105, () => 100);
  /** Steps that become slower and faster by a third, as on a machine that others use. */
  const noisy = (ms: number, phase: number) =>
    timed(105, (step) => ms * (1 + 0.3 * Math.sin(step / 16 + phase)));

  test('is reported where the parts of the runs do not overlap', () => {
    expect(finding([timed(105, () => 50)], [steady])).toBe('differs');
    expect(finding([timed(105, () => 200)], [steady])).toBe('differs');
  });

  test('is not reported below 3 %, however even the runs are', () => {
    expect(finding([timed(105, () => 98)], [steady])).toBe('withinNoise');
    expect(finding([timed(105, () => 96)], [steady])).toBe('differs');
  });

  test('is not reported within the variation of the runs themselves', () => {
    expect(finding([noisy(100, 1)], [noisy(100, 2)])).toBe('withinNoise');
    expect(finding([noisy(90, 1)], [noisy(100, 2)])).toBe('withinNoise');
    expect(finding([noisy(20, 1)], [noisy(100, 2)])).toBe('differs');
  });

  test('is not reported of runs that are too short, even where it is large', () => {
    expect(finding([timed(20, () => 50)], [timed(20, () => 74)])).toBe('tooShort');
    expect(finding([steady], [timed(20, () => 74)])).toBe('tooShort');
  });

  test('over seeds is compared with their range, with the same requirements for each run as for one', () => {
    const runs = (steps: number, ...ms: number[]) => ms.map((one) => timed(steps, () => one));
    expect(finding(runs(55, 50, 52, 55), runs(55, 100, 96, 90))).toBe('differs');
    expect(finding(runs(55, 50, 52, 92), runs(55, 100, 96, 90))).toBe('withinNoise');
    expect(finding(runs(54, 50, 52, 55), runs(55, 100, 96, 90))).toBe('tooShort');
    expect(finding(runs(1005, 0.5, 0.51, 0.52), runs(1005, 1, 1.01, 1.02))).toBe('tooShort');
    expect(finding([...runs(55, 50, 52), ...runs(20, 55)], runs(55, 100, 96, 90))).toBe('tooShort');
  });
});
