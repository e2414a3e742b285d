import { describe, expect, test } from 'vitest';
import { LOSS } from '../../../src/app/charts/definitions/loss.ts';
import { DIFFERENCE } from '../../../src/app/charts/definitions/lossDifference.ts';
import { GPU_SPEED } from '../../../src/app/charts/definitions/speed.tsx';
import { buildPlot } from '../../../src/app/charts/plot.ts';
import type { PlottedRun } from '../../../src/app/charts/plottedRun.ts';
import { hasSeeds, seedsTogether } from '../../../src/app/charts/seeds.ts';
import { COLORS, runColor, runDash } from '../../../src/app/charts/series.ts';
import { useCharts } from '../../../src/store/chartStore.ts';
import { CONFIG, plottedRun } from './runs.ts';

const settings = useCharts.getState().charts.difference;
const run = (mode: number, seed: number, loss: number) =>
  plottedRun(10, () => ({ loss }), { config: { ...CONFIG, seed }, place: mode + (seed - 1) * COLORS });
const runs = [run(0, 1, 3), run(1, 1, 3.25), run(0, 2, 5), run(1, 2, 5.5)];

test('the seeds of a mode share its colour and dash', () => {
  const places = runs.map(({ place }) => place!);
  expect(new Set(places).size).toBe(4);
  expect(new Set(places.map(runColor)).size).toBe(2);
  expect(new Set(places.map(runDash)).size).toBe(2);
});

test('with several seeds the difference is to the first mode of the same seed', () => {
  const last = runs.map((one) => DIFFERENCE.series(one, one.place!, runs, settings)?.values[9] ?? null);
  expect(last).toEqual([null, expect.closeTo(0.25, 9), null, expect.closeTo(0.5, 9)]);
});

describe('seeds together', () => {
  const seriesOf = (chart: typeof LOSS, all: readonly PlottedRun[]) =>
    all.flatMap((one) => chart.series(one, one.place!, all, { ...settings, smoothing: 0 }) ?? []);

  test('have no band where no seed has a value, and the axis stays finite', () => {
    // The warm-up steps have no speed.
    const late = (seed: number) =>
      plottedRun(20, (step) => ({ gpuMs: step + seed }), {
        config: { ...CONFIG, seed },
        place: (seed - 1) * COLORS,
      });
    const series = seedsTogether(seriesOf(GPU_SPEED, [late(1), late(2)]), 'step');
    const { bands, y } = buildPlot(GPU_SPEED, series, settings, 800);
    expect([y.low, y.high].every(Number.isFinite)).toBe(true);
    const { points } = bands[0]!;
    expect(points.length).toBeGreaterThan(0);
    for (const { range } of points) expect(range.every(Number.isFinite)).toBe(true);
  });

  test('are the mean and a band for each mode', () => {
    const series = seriesOf(LOSS, runs);
    expect(hasSeeds(series)).toBe(true);
    const [first, second, ...rest] = seedsTogether(series, 'step');
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ index: 0, length: 10, run: { title: 'Mixed f16, mean of 2 seeds' } });
    expect([first!.values[9], first!.band!.low[9], first!.band!.high[9]]).toEqual([4, 3, 5]);
    expect([second!.values[0], second!.band!.low[0], second!.band!.high[0]]).toEqual([4.375, 3.25, 5.5]);
    const { bands, y } = buildPlot(LOSS, [first!, second!], settings, 800);
    expect(bands[0]!.points.at(-1)).toEqual({ x: 10, range: [3, 5] });
    expect(y.high).toBeGreaterThan(5.5);
  });

  test('but a run that still trains or ended before the others keeps its line, and all do on an axis of time', () => {
    const training = { ...run(0, 3, 4), planned: 50 };
    const failed = plottedRun(4, () => ({ loss: 9 }), {
      config: { ...CONFIG, seed: 4 },
      place: 3 * COLORS,
    });
    const series = seriesOf(LOSS, [...runs, training, failed]);
    const together = seedsTogether(series, 'step');
    expect(together.map(({ index, band }) => [index, band !== undefined])).toEqual([
      [0, true],
      [1, true],
      [2 * COLORS, false],
      [3 * COLORS, false],
    ]);
    expect(seedsTogether(series, 'time')).toBe(series);
    expect(hasSeeds(seriesOf(LOSS, runs.slice(0, 2)))).toBe(false);
  });
});
