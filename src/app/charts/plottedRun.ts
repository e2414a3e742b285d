import type { TrainConfig, VariantId } from '../../engine/index.ts';
import type { MetricsLog } from '../../store/metricsLog.ts';
import type { COLORS } from './series.ts';

/** A run as the charts see it: live, or one from the history. */
export interface PlottedRun {
  readonly title: string;
  readonly mode: VariantId;
  readonly log: MetricsLog;
  /** Without it there are no tokens to count and no clip line. */
  readonly config?: Pick<TrainConfig, 'batch' | 'context' | 'accumulation' | 'seed' | 'clip'>;
  /** Where colour and dash do not go by the place in `runs`: equal modulo {@link COLORS} in the seeds of a mode. */
  readonly place?: number;
  /** Of every buffer of the run. Without it there is no memory line. */
  readonly memoryBytes?: number;
}

/** Colour and dash follow the place in `runs`, or the runs' own. */
export interface ChartProps {
  readonly runs: readonly PlottedRun[];
  /** Counts redraws: the logs are outside React and grow without changing identity. */
  readonly frame: number;
}
