import { expect, test } from 'vitest';
import { SubmitPace } from '../../src/engine/gpu/submitPace.ts';

const TARGET_MS = 300;
let now: number;
let pace: SubmitPace;

/** A pace for steps of `units`, with an expected rate of 1000 units per millisecond. */
function begin(units: number): void {
  now = 0;
  pace = new SubmitPace(1000, units, TARGET_MS, () => now);
}

/** Takes a step of `units` on a GPU that computes `rate` units per millisecond. @returns the durations of its submissions */
function step(units: number, rate: number, timestamps = true): number[] {
  pace.stepSubmitted();
  const taken: number[] = [];
  for (let left = units; left > 0; ) {
    const part = Math.min(left, Math.max(1, pace.unitsPerSubmit('model')));
    const done = pace.isSlow ? pace.submitted('model', part) : () => {};
    taken.push(part / rate);
    now += part / rate;
    done();
    left -= part;
  }
  pace.stepArrived(timestamps ? units / rate : null);
  return taken;
}

test.each([true, false])(
  'a GPU far slower than assumed has short submissions from its second step on (timestamps: %s)',
  (timestamps) => {
    const units = 1_000_000; // 10 s at 100 units a millisecond
    begin(units);
    expect(Math.max(...step(units, 100, timestamps))).toBe(3000);
    step(units, 100, timestamps);
    for (let i = 0; i < 5; i++) {
      const taken = step(units, 100, timestamps);
      expect(Math.max(...taken)).toBeLessThanOrEqual(TARGET_MS * 1.1 + 1e-9);
      expect(taken.length).toBeLessThan(50);
    }
  },
);

test('the pace follows a GPU that becomes slower immediately, and one that becomes faster gradually', () => {
  const units = 500_000;
  begin(units);
  for (let i = 0; i < 3; i++) step(units, 1000);
  step(units, 250); // something else uses the GPU
  expect(Math.max(...step(units, 250))).toBeLessThanOrEqual(TARGET_MS * 1.1 + 1e-9);
  const before = pace.unitsPerSubmit('model');
  const taken = step(units, 1000);
  expect(taken[1]! / taken[0]!).toBeCloseTo(1.1);
  expect(pace.unitsPerSubmit('model')).toBeGreaterThan(before);
});

test('short steps are one submission and are not timed one by one', () => {
  begin(20_000);
  for (let i = 0; i < 3; i++) step(20_000, 1000);
  expect(step(20_000, 1000)).toEqual([20]);
  expect(pace.isSlow).toBe(false);
});

test('a program with another kind of work has its own pace', () => {
  begin(1_000_000);
  step(1_000_000, 1000);
  const done = pace.submitted('optimizer', 300);
  now += 300;
  done();
  expect(pace.unitsPerSubmit('optimizer')).toBe(300);
  expect(pace.unitsPerSubmit('model')).toBe(300_000);
});

test('the target halves for the next device only if a submission had been running for long', () => {
  begin(1);
  expect(pace.nextTargetMs).toBe(TARGET_MS);
  pace.stepSubmitted();
  now += 900;
  expect(pace.nextTargetMs).toBe(TARGET_MS);
  now += 200;
  expect(pace.nextTargetMs).toBe(TARGET_MS / 2);
  pace.stepArrived(1);
  expect(pace.nextTargetMs).toBe(TARGET_MS);
  // Some browsers report a lost submission as done before they report the loss.
  const done = pace.submitted('model', 1);
  now += 10_000;
  done();
  expect(pace.nextTargetMs).toBe(TARGET_MS / 2);
});
