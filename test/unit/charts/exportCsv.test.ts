import { expect, test } from 'vitest';
import type { ChartDefinition } from '../../../src/app/charts/chart.ts';
import { LOSS } from '../../../src/app/charts/definitions/loss.ts';
import { LOSS_SCALE } from '../../../src/app/charts/definitions/lossScale.tsx';
import { LOG_Z } from '../../../src/app/charts/definitions/optional.ts';
import { MAX_LOGIT, SHARPNESS } from '../../../src/app/charts/definitions/sharpness.ts';
import { COST } from '../../../src/app/charts/definitions/simulatedCost.ts';
import { GPU_SPEED, SPEED } from '../../../src/app/charts/definitions/speed.tsx';
import { chartCsv } from '../../../src/app/charts/exportCsv.ts';
import { sharpnessOf } from '../../../src/engine/inspect/sharpness.ts';
import { DEFAULT_CHARTS } from '../../../src/store/chartStore.ts';
import { plottedRun } from './runs.ts';

test('has a row for every step of every run, however few are drawn', () => {
  const runs = [plottedRun(3000), plottedRun(10, undefined, { title: 'FP32' })];
  runs[1]!.log.evals.push({ step: 10, valLoss: 3.25 });
  const series = runs.flatMap((run, index) => LOSS.series(run, index, runs, DEFAULT_CHARTS.loss) ?? []);
  const lines = chartCsv(LOSS, series).split('\r\n');
  expect(lines).toHaveLength(1 + 3010 + 1);
  expect(lines[0]).toBe(
    'run,step,tokens,training_seconds,loss,loss_smoothed,validation_loss,skipped,first_overflow',
  );
  expect(lines[2]).toMatch(/^Mixed f16,2,1024,0\.02,2,[\d.]+,,0,$/);
  expect(lines.at(-2)).toMatch(/^FP32,10,5120,0\.1,0\.4,[\d.]+,3\.25,0,$/);
});

test("has the speed by the GPU's own clock beside that by wall time, if there is one", () => {
  const timed = plottedRun(8, () => ({ gpuMs: 4 }));
  const runs = [timed, plottedRun(8)];
  const seriesOf = (chart: ChartDefinition) =>
    runs.flatMap((run, index) => chart.series(run, index, runs, DEFAULT_CHARTS.speed) ?? []);
  const lines = chartCsv(SPEED, seriesOf(SPEED)).split('\r\n');
  expect(lines[0]).toContain('tokens_per_second,tokens_per_second_gpu,');
  expect(lines[8]).toMatch(/^Mixed f16,8,4096,0\.08,51200,128000,0,$/);
  expect(lines[16]).toMatch(/^Mixed f16,8,4096,0\.08,51200,,0,$/);
  // In lockstep it is the only speed, and runs without it have no line.
  expect(seriesOf(GPU_SPEED).map(({ values }) => values[7])).toEqual([128_000]);
});

test('sharpness holds from one measurement to the next, and a run without any has no line', () => {
  const run = plottedRun(5);
  const [first, second] = [2, 4].map((step) =>
    sharpnessOf(step, Float32Array.from([0.1, step / 16, 3, 0]), 1),
  );
  run.log.sharpness.push(first!, { ...second!, sharpness: null });
  const series = SHARPNESS.series(run, 0, [run], DEFAULT_CHARTS.sharpness)!;
  const column = chartCsv(SHARPNESS, [series])
    .split('\r\n')
    .map((line) => line.split(',')[4]);
  expect(column).toEqual(['sharpness', '', '0.125', '0.125', '', '', undefined]);
  expect(
    [...(MAX_LOGIT.series(run, 0, [run], DEFAULT_CHARTS.logit)!.values as Float64Array)].slice(1),
  ).toEqual([3, 3, 3, 3]);
  expect(SHARPNESS.series(plottedRun(5), 0, [run], DEFAULT_CHARTS.sharpness)).toBeNull();
});

test('only runs that report the mean of log Z have a line of it', () => {
  const run = plottedRun(3, (step) => ({ logZ: step === 2 ? null : 4 + step }));
  const series = LOG_Z.series(run, 0, [run], { ...DEFAULT_CHARTS.logZ, smoothing: 0 })!;
  const column = chartCsv(LOG_Z, [series])
    .split('\r\n')
    .map((line) => line.split(',')[4]);
  expect(column).toEqual(['log_z', '5', '', '7', undefined]);
  expect(LOG_Z.summary(series)).toBe('Mixed f16: mean log Z 7.');
  expect(LOG_Z.series(plottedRun(3), 0, [run], DEFAULT_CHARTS.logZ)).toBeNull();
});

test('only runs with a precision schedule have a line of their simulated cost', () => {
  const stage = (step: number) => ({
    ...{ stage: step < 3 ? 1 : 2, stages: 2, mode: step < 3 ? 'i3g6' : 'i4g6', forced: 0 },
    cost: step < 3 ? 0.01 : 0.02,
  });
  const run = plottedRun(4, (step) => ({ stage: stage(step) }));
  const series = COST.series(run, 0, [run], DEFAULT_CHARTS.cost)!;
  expect([...(series.values as Float64Array)]).toEqual([1, 1, 2, 2]);
  expect(COST.summary(series)).toBe(
    'Mixed f16: stage 2 of 2, i4g6, since step 3, at 2.0 % of the cost of 32 bits; 1.5 % on average.',
  );
  expect(COST.series(plottedRun(3), 0, [run], DEFAULT_CHARTS.cost)).toBeNull();
});

test('leaves out non-finite values and never writes a formula', () => {
  const run = plottedRun(1, () => ({ loss: null, skipped: true, overflow: 'a, "b"' }), {
    title: '=HYPERLINK("x")',
  });
  const cells = chartCsv(LOSS_SCALE, [LOSS_SCALE.series(run, 0, [run], DEFAULT_CHARTS.scale)!]);
  expect(cells).toContain(`"'=HYPERLINK(""x"")",1,512,0.01,16,1,"a, ""b"""`);
  expect(chartCsv(LOSS, [LOSS.series(run, 0, [run], DEFAULT_CHARTS.loss)!])).toContain(',0.01,,,,1,');
});
