import { expect, test } from 'vitest';
import { RMS_SPIKE } from '../../src/engine/inspect/tensorNumbers.ts';
import { updateRms } from '../../src/engine/reference/updateRms.ts';
import { type SpikeStep, spikesOf } from '../../src/engine/train/spikeAlarm.ts';

/** A hundred steps with losses that fall and vary, an RMS near 1, and what is planted in single steps. */
function trace(planted: Readonly<Record<number, Partial<SpikeStep>>>): SpikeStep[] {
  return Array.from({ length: 100 }, (_, i) => ({
    step: i + 1,
    loss: 3 - 0.002 * i + 0.05 * Math.sin(i * 1.7),
    rms: 1 + 0.1 * Math.cos(i),
    ...planted[i + 1],
  }));
}

test('a quiet run has no spikes', () => {
  expect(spikesOf(trace({}))).toEqual({ rms: [], loss: [], announced: [] });
});

test('a spike of the loss five steps after one of the RMS is announced, ten steps after it is not', () => {
  const high = { rms: RMS_SPIKE };
  expect(spikesOf(trace({ 50: high, 55: { loss: 4 } }))).toEqual({ rms: [50], loss: [55], announced: [55] });
  expect(spikesOf(trace({ 50: high, 60: { loss: 4 } }))).toEqual({ rms: [50], loss: [60], announced: [] });
});

test.each([
  [0, []],
  [1, [51]],
  [8, [58]],
  [9, []],
])('%i steps later: announced at %j', (later, announced) => {
  const planted = later === 0 ? { 50: { rms: 3, loss: 4 } } : { 50: { rms: 3 }, [50 + later]: { loss: 4 } };
  expect(spikesOf(trace(planted)).announced).toEqual(announced);
});

test('just below the threshold is no spike, and one that lasts counts once', () => {
  expect(spikesOf(trace({ 50: { rms: RMS_SPIKE - 1e-6 } })).rms).toEqual([]);
  expect(spikesOf(trace({ 50: { rms: 3 }, 51: { rms: 5 }, 52: { rms: 2.4 }, 60: { rms: 3 } })).rms).toEqual([
    50, 60,
  ]);
});

test('3.2 standard deviations: a loss below them is none, and there must be 16 losses', () => {
  const steady = (last: number, count: number): SpikeStep[] =>
    Array.from({ length: count + 1 }, (_, i) => ({
      step: i + 1,
      loss: i === count ? last : 2 + (i % 2 === 0 ? 0.1 : -0.1),
      rms: null,
    }));
  expect(spikesOf(steady(2.31, 16)).loss).toEqual([]);
  expect(spikesOf(steady(2.33, 16)).loss).toEqual([17]);
  expect(spikesOf(steady(9, 15)).loss).toEqual([]);
});

test('missing numbers are no spikes, and a spike stays out of the running mean', () => {
  expect(spikesOf(trace({ 50: { rms: null, loss: null } }))).toEqual({ rms: [], loss: [], announced: [] });
  expect(spikesOf(trace({ 50: { loss: 40 }, 52: { loss: 4 } })).loss).toEqual([50, 52]);
});

/** The RMS of the step in which a gradient that was always 1 becomes `r`. */
function jumpTo(r: number, beta2: number): number {
  let v = 0;
  const before = Math.ceil(40 / (1 - beta2));
  for (let step = 1; step <= before; step++) v = beta2 * v + (1 - beta2);
  v = beta2 * v + (1 - beta2) * r * r;
  return updateRms(Float64Array.of(r), Float64Array.of(v), { beta2, epsilon: 1e-8, step: before + 1 });
}

test.each([
  [0.999, 3, 2.99],
  [0.999, 10, 9.54],
  [0.999, 100, 30.2],
  [0.95, 3, 2.54],
  [0.95, 10, 4.1],
  [0.95, 100, 4.47],
])('beta2 %s: a gradient that jumps %s-fold has an RMS of %s', (beta2, r, expected) => {
  const rms = jumpTo(r, beta2);
  expect(rms).toBeCloseTo(r / Math.sqrt(beta2 + (1 - beta2) * r * r), 9);
  expect(Number(rms.toPrecision(3))).toBe(expected);
  expect(rms).toBeLessThan(1 / Math.sqrt(1 - beta2));
});
