import type { ChartSettings } from '../../../store/chartStore.ts';
import { smooth } from '../../../store/smoothing.ts';
import type { Series } from '../chart.ts';
import type { PlottedRun } from '../plottedRun.ts';

/** The values and, unless smoothing is off, the smoothed values over them. */
export function overRaw(
  run: PlottedRun,
  index: number,
  values: ArrayLike<number>,
  { smoothing }: ChartSettings,
): Series {
  const { length } = run.log;
  const series = { index, run, length, values };
  const keep = smoothing ?? run.log.smoothing;
  return keep === 0 ? series : { ...series, smoothed: smooth(values, run.log.columns.step, length, keep) };
}
