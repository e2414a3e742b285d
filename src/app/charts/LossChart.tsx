import { LOSS } from './definitions.tsx';
import { MetricChart } from './MetricChart.tsx';
import type { ChartProps } from './plottedRun.ts';

/** Training loss, raw and smoothed, and validation loss of all runs. */
export function LossChart(props: ChartProps) {
  return <MetricChart chart={LOSS} {...props} />;
}
