import type { TrainConfig, VariantId } from '../../engine/index.ts';
import type { MetricsLog } from '../../store/metricsLog.ts';
import type { COLORS } from './series.ts';

/** A run to plot, live or from the history. */
export interface PlottedRun {
  readonly title: string;
  readonly mode: VariantId;
  readonly log: MetricsLog;
  /** Without it the charts have no token axis and no clip line. */
  readonly config?: Pick<TrainConfig, 'batch' | 'context' | 'accumulation' | 'seed' | 'clip'>;
  /** Overrides the index in `runs` for colour and dash. The seeds of a mode are equal modulo {@link COLORS}. */
  readonly place?: number;
  /** Steps that it will have; left out once it has ended. */
  readonly planned?: number;
  /** Bytes of all buffers of the run. Without it there is no memory line. */
  readonly memoryBytes?: number;
}
