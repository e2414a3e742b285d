import type { PrecisionMode } from '../../engine/precision/recipes.ts';
import type { MetricsLog } from '../../store/metricsLog.ts';

/** A run as the charts see it: live, or one from the history. */
export interface PlottedRun {
  readonly title: string;
  readonly precision: PrecisionMode;
  readonly log: MetricsLog;
}

/** Colour and dash follow the place in `runs`. */
export interface ChartProps {
  readonly runs: readonly PlottedRun[];
  /** Counts redraws: the logs are outside React and grow without changing identity. */
  readonly frame: number;
}
