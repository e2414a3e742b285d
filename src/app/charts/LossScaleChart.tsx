import { LOSS_SCALE } from './definitions.tsx';
import { MetricChart } from './MetricChart.tsx';
import type { ChartProps } from './plottedRun.ts';

/** The loss scale in powers of two, with a mark for each skipped step. */
export function LossScaleChart({ wide = false, ...props }: ChartProps & { wide?: boolean }) {
  return <MetricChart chart={LOSS_SCALE} wide={wide} {...props} />;
}
