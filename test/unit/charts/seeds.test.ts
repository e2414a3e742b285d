import { expect, test } from 'vitest';
import { DIFFERENCE } from '../../../src/app/charts/definitions.tsx';
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
