import * as v from 'valibot';
import { expect, test } from 'vitest';
import { COST } from '../../../../src/app/charts/definitions/simulatedCost.ts';
import type { PlottedRun } from '../../../../src/app/charts/plottedRun.ts';
import { DEFAULT_CHARTS } from '../../../../src/store/chartStore.ts';
import { MAX_POINTS } from '../../../../src/store/decimate.ts';
import { curveOf, logOfCurve } from '../../../../src/store/history/curve.ts';
import { runRecord } from '../../../../src/store/history/record.ts';
import { meanCost } from '../../../../src/store/metricsLog.ts';
import { tokensPerSecond } from '../../../../src/store/speed.ts';
import { logOfSteps, record, step } from './fixtures.ts';

const COUNT = 20_000;
const skipAt = (i: number) => i % 97 === 0;

function longLog() {
  let skippedSteps = 0;
  let exponent = 16;
  return logOfSteps(
    Array.from({ length: COUNT }, (_, i) => {
      const skipped = skipAt(i + 1);
      if (skipped) skippedSteps += 1;
      const entry = step(i + 1, {
        loss: i === 12_345 ? 99 : i === 777 ? null : 4 * Math.exp(-i / 5000) + Math.sin(i) / 10,
        gradNorm: skipped ? null : 1 + Math.cos(i),
        lossScale: 2 ** exponent,
        skipped,
        overflow: skipped ? 'h.0.attn.c_attn.weight' : null,
        skippedSteps,
        appliedSteps: i + 1 - skippedSteps,
      });
      if (skipped) exponent = exponent === 16 ? 15 : 16;
      return entry;
    }),
  );
}

test('a long run is stored in few rows, with its spikes, its end and its counts', () => {
  const log = longLog();
  const curve = curveOf(log, 512);
  expect(curve.step.length).toBeLessThan(4 * MAX_POINTS + 2 * 500);
  expect(curve.step.at(-1)).toBe(COUNT);
  expect(Math.max(...curve.loss.map((loss) => loss ?? 0))).toBe(99);
  expect(curve.skippedSteps.at(-1)).toBe(Math.floor(COUNT / 97));
  expect(curve.tokensPerSec.at(-1)).toBeCloseTo(51_200);
  expect(JSON.stringify(curve).length).toBeLessThan(300_000);
});

test('the stored rows are drawn like all rows', () => {
  const log = longLog();
  const restored = logOfCurve(JSON.parse(JSON.stringify(curveOf(log, 512))), COUNT, [], 512);
  const valueAt = (step: number) => log.smoothedLoss()[log.indexAt(step)]!;
  for (let i = 0; i < restored.length; i++) {
    const at = restored.columns.step[i]!;
    expect(restored.smoothedLoss()[i]).toBeCloseTo(valueAt(at), 5);
    const [kept, whole] = [restored.at(i)!, log.at(log.indexAt(at))!];
    expect(kept.lossScale).toBe(whole.lossScale);
    expect(kept.appliedSteps).toBe(whole.appliedSteps);
    expect(kept.time).toBe(whole.time);
    if (kept.skipped) expect(whole.skipped).toBe(true);
  }
});

test('the mean of log Z is stored for runs that report it, with its spikes', () => {
  const steps = Array.from({ length: 5000 }, (_, i) =>
    step(i + 1, { logZ: i === 3333 ? 40 : i === 10 ? null : 5 + Math.sin(i) }),
  );
  const curve = curveOf(logOfSteps(steps), 512);
  expect(Math.max(...curve.logZ!.map((value) => value ?? 0))).toBe(40);
  const restored = logOfCurve(JSON.parse(JSON.stringify(curve)), 5000, [], 512);
  expect([...restored.reported]).toEqual(['logZ']);
  expect(restored.at(restored.indexAt(3334))!.logZ).toBe(40);
  const without = curveOf(longLog(), 512);
  expect(without).not.toHaveProperty('logZ');
  expect(logOfCurve(without, COUNT, [], 512).reported.size).toBe(0);
});

test('the stages of a precision schedule are stored with their first steps, and the charts and the mean of costs follow', () => {
  const mode = ['i3g6', 'i4g6', 'i6g8'];
  const stageAt = (i: number) => Math.floor(i / 1777);
  const cost = [0.01, 0.02, 0.05];
  const steps = Array.from({ length: 5000 }, (_, i) => {
    const at = stageAt(i);
    return step(i + 1, {
      stage: { stage: at + 1, stages: 3, mode: mode[at]!, forced: at, cost: cost[at]! },
    });
  });
  const log = logOfSteps(steps);
  const kept = v.parse(runRecord, record({ curve: JSON.parse(JSON.stringify(curveOf(log, 512))) }));
  const restored = logOfCurve(kept.curve, 5000, [], 512);
  expect(restored.stages).toEqual(log.stages);
  expect(restored.stages.map(({ step: first }) => first)).toEqual([1, 1778, 3555]);
  expect(meanCost(restored)).toBe(meanCost(log));
  const run = { title: 'pfq', mode: 'i6g8', log: restored } as const;
  const drawn = (one: PlottedRun) => COST.series(one, 0, [one], DEFAULT_CHARTS.cost);
  const { length, values } = drawn(run)!;
  for (let i = 0; i < length; i++) {
    expect(values[i]).toBe(100 * cost[stageAt(restored.columns.step[i]! - 1)]!);
  }
  const without = curveOf(longLog(), 512);
  expect(without).not.toHaveProperty('stages');
  expect(drawn({ ...run, log: logOfCurve(without, COUNT, [], 512) })).toBeNull();
});

test('every skipped step of a run with few has its tensor and the next scale', () => {
  const log = logOfSteps(
    Array.from({ length: 3000 }, (_, i) =>
      step(i + 1, {
        skipped: i < 3 || i === 2000,
        overflow: i < 3 ? 'lm_head' : i === 2000 ? 'h.1.mlp.c_fc.weight' : null,
        lossScale: 2 ** (20 - Math.min(i, 3) - (i > 2000 ? 1 : 0)),
      }),
    ),
  );
  const restored = logOfCurve(curveOf(log, 512), 3000, [], 512);
  const skips = restored.skippedIndexes().map((i) => [restored.at(i)!, restored.at(i + 1)!] as const);
  expect(skips.map(([{ step: at, overflow }]) => [at, overflow])).toEqual([
    [1, 'lm_head'],
    [2, 'lm_head'],
    [3, 'lm_head'],
    [2001, 'h.1.mlp.c_fc.weight'],
  ]);
  for (const [skip, next] of skips) {
    expect(next.step).toBe(skip.step + 1);
    expect(next.lossScale).toBe(skip.lossScale / 2);
  }
});

test('the speed is restored as stored, and left out when steps of other runs interleaved', () => {
  const log = longLog();
  const curve = curveOf(log, 512);
  const restored = logOfCurve(curve, COUNT, [], 512);
  for (const [i, speed] of curve.tokensPerSec.entries()) {
    const again = tokensPerSecond(restored, 512, i);
    if (speed === null) expect(again).toBeNull();
    else expect(again! / speed).toBeCloseTo(1, 6);
  }
  expect(curveOf(log, null).tokensPerSec.every((speed) => speed === null)).toBe(true);
});
