import { describe, expect, test } from 'vitest';
import type { ChartDefinition } from '../../../src/app/charts/chart.ts';
import { GRADIENT_NORM } from '../../../src/app/charts/definitions/gradientNorm.ts';
import { LEARNING_RATE } from '../../../src/app/charts/definitions/learningRate.ts';
import { LOSS } from '../../../src/app/charts/definitions/loss.ts';
import { DIFFERENCE } from '../../../src/app/charts/definitions/lossDifference.ts';
import { LOSS_SCALE } from '../../../src/app/charts/definitions/lossScale.tsx';
import { MEMORY } from '../../../src/app/charts/definitions/memory.ts';
import { SPEED } from '../../../src/app/charts/definitions/speed.tsx';
import { buildPlot } from '../../../src/app/charts/plot.ts';
import type { PlottedRun } from '../../../src/app/charts/plottedRun.ts';
import { type ChartSettings, DEFAULT_CHARTS } from '../../../src/store/chartStore.ts';
import { plottedRun } from './runs.ts';

const ALL = [LOSS, DIFFERENCE, LOSS_SCALE, SPEED, GRADIENT_NORM, LEARNING_RATE, MEMORY];

function plotOf(chart: ChartDefinition, runs: readonly PlottedRun[], change: Partial<ChartSettings> = {}) {
  const settings = { ...DEFAULT_CHARTS[chart.id], ...change };
  const series = runs.flatMap((run, index) => chart.series(run, index, runs, settings) ?? []);
  return buildPlot(chart, series, settings, 800);
}

test("the speed by the GPU's own clock is a line beside that by wall time", () => {
  const kinds = (run: PlottedRun) => plotOf(SPEED, [run]).lines.map(({ kind }) => kind);
  expect(kinds(plottedRun(20, () => ({ gpuMs: 4 })))).toEqual(['main', 'gpu']);
  expect(kinds(plottedRun(20))).toEqual(['main']);
});

describe.each(ALL.map((chart) => [chart.id, chart] as const))('%s', (_, chart) => {
  const noisy = () =>
    plottedRun(3000, (step) => ({ loss: 2 + Math.sin(step), gradNorm: 1 + Math.cos(step) }));

  test.each([
    {},
    { logX: true },
    { logY: true },
    { x: 'tokens', logX: true, logY: true },
    { x: 'time', logX: true },
  ] as const)('draws at most 400 points per line, all within finite axes: %o', (change) => {
    const { lines, x, y } = plotOf(chart, [noisy(), noisy()], change);
    expect(lines.length).toBeGreaterThan(0);
    for (const { points } of lines) {
      expect(points.length).toBeGreaterThan(0);
      expect(points.length).toBeLessThanOrEqual(400);
      for (const point of points)
        expect([null, point.x]).toContain(Number.isFinite(point.x) ? point.x : null);
      expect(points.some((point) => point.y !== null)).toBe(true);
    }
    for (const axis of [x, y]) {
      expect(axis.low).toBeLessThan(axis.high);
      expect(Number.isFinite(axis.low) && Number.isFinite(axis.high)).toBe(true);
      expect(axis.ticks.length).toBeGreaterThanOrEqual(2);
      for (const { at } of axis.ticks) {
        expect(at).toBeGreaterThanOrEqual(axis.low);
        expect(at).toBeLessThanOrEqual(axis.high);
      }
    }
  });
});

test('on a logarithmic axis a value of 0 is a gap, and the others are drawn', () => {
  const run = plottedRun(4, (step) => ({ gradNorm: step === 2 ? 0 : step }));
  const { lines, y } = plotOf(GRADIENT_NORM, [run], { logY: true, smoothing: 0 });
  expect(lines[0]!.points.map((point) => point.y)).toEqual([0, null, Math.log10(3), Math.log10(4)]);
  expect(10 ** y.low).toBeGreaterThan(0.5);
});

test('a time of 0 has no position on a logarithmic axis', () => {
  const run = plottedRun(3, (step) => ({ time: (step - 1) * 100 }));
  const { lines, x } = plotOf(LOSS, [run], { x: 'time', logX: true, smoothing: 0 });
  const [first, second] = lines[0]!.points.map((point) => point.x);
  expect(lines[0]!.points).toHaveLength(2);
  expect(first).toBeCloseTo(-1);
  expect(second).toBeCloseTo(Math.log10(0.2));
  expect(x.low).toBeCloseTo(-1);
});

test('the x axis can show steps, tokens or seconds', () => {
  const run = plottedRun(20);
  const end = (x: ChartSettings['x']) => plotOf(LOSS, [run], { x }).lines[0]!.points.at(-1)!.x;
  expect(end('step')).toBe(20);
  expect(end('tokens')).toBe(20 * 8 * 64);
  expect(end('time')).toBeCloseTo(0.2);
  const { config: _, ...unknown } = run;
  expect(plotOf(LOSS, [run, unknown], { x: 'tokens' }).xKind).toBe('step');
});

test('a locked y range stays whatever is drawn, unless a logarithmic axis cannot show it', () => {
  const range = (change: Partial<ChartSettings>) => plotOf(LOSS, [plottedRun(20)], change).yRange;
  expect(range({ lockedY: [1, 2] })).toEqual([1, 2]);
  expect(range({ lockedY: [-1, 2] })).toEqual([-1, 2]);
  expect(range({ lockedY: [-1, 2], logY: true })[0]).toBeGreaterThan(0);
  const [low, high] = range({ lockedY: [1, 2], logY: true });
  expect(low).toBeCloseTo(1);
  expect(high).toBeCloseTo(2);
});

test('the raw loss is drawn behind the smoothed one, or alone without smoothing', () => {
  const kinds = (smoothing: number | null) =>
    plotOf(LOSS, [plottedRun(20)], { smoothing }).lines.map(({ kind }) => kind);
  expect(kinds(null)).toEqual(['raw', 'main']);
  expect(kinds(0.5)).toEqual(['raw', 'main']);
  expect(kinds(0)).toEqual(['main']);
});

describe('the difference', () => {
  test('is between the smoothed losses at the same step', () => {
    const runs = [plottedRun(20, () => ({ loss: 3 })), plottedRun(10, () => ({ loss: 2.5 }))];
    const { lines } = plotOf(DIFFERENCE, runs);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ run: 1, kind: 'main' });
    for (const { y } of lines[0]!.points) expect(y).toBeCloseTo(-0.5, 12);
  });

  test('is at the same time on a time axis, with a gap where the first run had no step', () => {
    const first = plottedRun(10, (step) => ({ loss: step }));
    const slower = plottedRun(10, (step) => ({ loss: 0, time: step * 20 }));
    const { lines } = plotOf(DIFFERENCE, [first, slower], { x: 'time', smoothing: 0 });
    expect(lines[0]!.points.slice(0, 5).map(({ y }) => y)).toEqual([-2, -4, -6, -8, -10]);
    expect(lines[0]!.points.slice(5).every(({ y }) => y === null)).toBe(true);
  });
});

describe('the loss scale', () => {
  const skipping = plottedRun(30, (step) => ({
    skipped: step <= 3,
    overflow: step <= 3 ? 'logits gradient' : null,
    lossScale: 2 ** Math.max(27, 31 - step),
  }));

  test('is drawn in powers of two, with a mark for each skipped step that says why', () => {
    const { marks, y } = plotOf(LOSS_SCALE, [skipping]);
    expect(marks.map(({ x, y: at }) => [x, at])).toEqual([
      [1, 30],
      [2, 29],
      [3, 28],
    ]);
    expect(marks[0]!.sentence).toMatch(/Step 1 skipped: logits gradient overflowed\. Scale 2³⁰ to 2²⁹/);
    expect(y.ticks.every(({ at }) => Number.isInteger(at))).toBe(true);
  });

  test('shows no line for a mode without scaling, only its skipped steps', () => {
    const unscaled = plottedRun(30, (step) => ({
      skipped: step <= 3,
      overflow: step <= 3 ? 'logits gradient' : null,
      lossScale: 1,
    }));
    const { lines, marks } = plotOf(LOSS_SCALE, [{ ...unscaled, mode: 'fp16-noscale' }]);
    expect(lines).toEqual([]);
    expect(marks).toHaveLength(3);
    expect(
      LOSS_SCALE.series(
        plottedRun(3, () => ({ lossScale: 1 }), { mode: 'fp32' }),
        0,
        [],
        DEFAULT_CHARTS.scale,
      ),
    ).toBeNull();
  });
});

test('the clip line is at the clip threshold; memory is flat and starts at 0', () => {
  expect(plotOf(GRADIENT_NORM, [plottedRun(20)]).references).toEqual([{ at: 1, label: 'clipped above 1' }]);
  const { lines, y } = plotOf(MEMORY, [plottedRun(20)]);
  expect(lines[0]!.points.map((point) => point.y)).toEqual([4, 4]);
  expect(y.low).toBe(0);
});

describe('the x axis', () => {
  test('goes to the planned steps while a run trains, and to its last step once it has ended', () => {
    const end = (about: Partial<PlottedRun>, change: Partial<ChartSettings> = {}) =>
      plotOf(LOSS, [plottedRun(20, undefined, about)], change).x.high;
    expect(end({ planned: 300 })).toBe(300);
    expect(end({ planned: 300 }, { x: 'tokens' })).toBe(300 * 8 * 64);
    expect(end({})).toBe(20);
    expect(end({ planned: 300 }, { x: 'time' })).toBeLessThan(2);
  });

  test('shows a part, with more points there and a y axis that fits them', () => {
    const run = plottedRun(3000, (step) => ({ loss: step < 1000 ? 9 : 2 + Math.sin(step) }));
    const settings = { ...DEFAULT_CHARTS.loss, smoothing: 0 };
    const series = [LOSS.series(run, 0, [run], settings)!];
    const whole = buildPlot(LOSS, series, settings, 800);
    const part = buildPlot(LOSS, series, settings, 800, { low: 1500, high: 1600 });
    const within = ({ lines }: typeof whole) =>
      lines[0]!.points.filter(({ x }) => x >= 1500 && x <= 1600).length;
    expect(within(part)).toBe(101);
    expect(within(whole)).toBeLessThan(40);
    expect([part.x.low, part.x.high]).toEqual([1500, 1600]);
    expect(part.y.high).toBeLessThan(3.5);
    expect(whole.y.high).toBeGreaterThan(9);
    expect([part.wholeX.low, part.wholeX.high]).toEqual([0, 3000]);
  });
});

test('outliers can be left out of the y axis', () => {
  const run = plottedRun(200, (step) => ({ loss: step === 100 ? 50 : 2 + (step % 2) }));
  const high = (ignoreOutliers: boolean) => plotOf(LOSS, [run], { smoothing: 0, ignoreOutliers }).y.high;
  expect(high(false)).toBeGreaterThan(50);
  expect(high(true)).toBeLessThan(3.2);
});
