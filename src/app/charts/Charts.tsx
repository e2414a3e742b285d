/** The lazy chunk: everything that imports recharts is behind this module. */
import { useMemo } from 'react';
import { comparedModes, variantTitle } from '../../engine/index.ts';
import { modePlace } from '../../store/comparison.ts';
import { logOf, useRun } from '../../store/runStore.ts';
import styles from './Charts.module.css';
import {
  DIFFERENCE,
  GPU_SPEED,
  GRADIENT_NORM,
  LEARNING_RATE,
  MAX_LOGIT,
  MEMORY,
  SHARPNESS,
  SPEED,
} from './definitions.tsx';
import { LossChart } from './LossChart.tsx';
import { LossScaleChart } from './LossScaleChart.tsx';
import { MetricChart } from './MetricChart.tsx';
import type { PlottedRun } from './plottedRun.ts';
import { COLORS } from './series.ts';

const SMALL_CHARTS = [GRADIENT_NORM, LEARNING_RATE, MEMORY];
/** Only where a run measures it. */
const SHARPNESS_CHARTS = [SHARPNESS, MAX_LOGIT];

/** `frame` counts on at most four times a second, and not while the page is hidden. */
export default function Charts() {
  const frame = useRun((state) => state.frame);
  const runs = usePlottedRuns();
  // Between the steps of a run in lockstep are those of the others: only the GPU's clock tells its own speed.
  const lockstep = useRun((state) => state.schedule === 'lockstep');
  const timestamps = useRun(({ adapter }) => adapter?.features.includes('timestamp-query') ?? false);
  const measured = runs.some(({ log }) => log.sharpness.length > 0);
  const compared = runs.filter(({ log }) => log.length > 0).length >= 2;
  return (
    <div className={styles.charts}>
      <LossChart runs={runs} frame={frame} />
      {compared && <MetricChart chart={DIFFERENCE} runs={runs} frame={frame} />}
      <LossScaleChart runs={runs} frame={frame} wide={!compared} />
      {(!lockstep || timestamps) && (
        <MetricChart chart={lockstep ? GPU_SPEED : SPEED} runs={runs} frame={frame} />
      )}
      {[...(measured ? SHARPNESS_CHARTS : []), ...SMALL_CHARTS].map((chart) => (
        <MetricChart key={chart.id} chart={chart} runs={runs} frame={frame} />
      ))}
    </div>
  );
}

/** The runs on the page. The same array while they go on, apart from the start of each. */
function usePlottedRuns(): readonly PlottedRun[] {
  const configs = useRun((state) => state.configs);
  // As text, so that React sees the same value as long as it is: views are new objects at every redraw.
  const memory = useRun((state) =>
    state.runs.map(({ facts, summary }) => (facts ?? summary)?.memory.total ?? '').join(' '),
  );
  return useMemo(() => {
    const bytes = memory.split(' ');
    const { runs } = useRun.getState(); // as long as the configurations
    const seeds = new Set(configs.map(({ seed }) => seed)).size;
    return configs.flatMap((config, index): PlottedRun[] => {
      const log = logOf(index);
      const mode = runs[index]?.mode ?? config.precision;
      if (!log) return [];
      const known = bytes[index] ? { memoryBytes: Number(bytes[index]) } : {};
      const title = `${variantTitle(mode)}${seeds > 1 ? `, seed ${config.seed}` : ''}`;
      // The seeds of a mode share its colour.
      const repeat = Math.floor(index / comparedModes(runs).length);
      const place = modePlace(runs, index) + repeat * COLORS;
      return [{ title, mode, log, config, place, ...known }];
    });
  }, [configs, memory]);
}
