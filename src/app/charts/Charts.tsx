/** The lazy chunk: everything that imports recharts is behind this module. */
import { useMemo } from 'react';
import { RECIPES } from '../../engine/precision/recipes.ts';
import { logOf, useRun } from '../../store/runStore.ts';
import styles from './Charts.module.css';
import { DIFFERENCE, GRADIENT_NORM, LEARNING_RATE, LOSS_SCALE, MEMORY, SPEED } from './definitions.tsx';
import { LossChart } from './LossChart.tsx';
import { MetricChart } from './MetricChart.tsx';
import type { PlottedRun } from './plottedRun.ts';

const SMALL_CHARTS = [SPEED, GRADIENT_NORM, LEARNING_RATE, MEMORY];

/** `frame` counts on at most four times a second, and not while the page is hidden. */
export default function Charts() {
  const frame = useRun((state) => state.frame);
  const runs = usePlottedRuns();
  const compared = runs.filter(({ log }) => log.length > 0).length >= 2;
  return (
    <div className={styles.charts}>
      <LossChart runs={runs} frame={frame} />
      {compared && <MetricChart chart={DIFFERENCE} runs={runs} frame={frame} />}
      <MetricChart chart={LOSS_SCALE} runs={runs} frame={frame} wide={!compared} />
      {SMALL_CHARTS.map((chart) => (
        <MetricChart key={chart.id} chart={chart} runs={runs} frame={frame} />
      ))}
    </div>
  );
}

/** The runs on the page. The same array while they go on, apart from the start of each. */
function usePlottedRuns(): readonly PlottedRun[] {
  const configs = useRun((state) => state.configs);
  // As text, so that React sees the same value as long as it is: views are new objects at every redraw.
  const memory = useRun((state) => state.runs.map(({ facts }) => facts?.memory.total ?? '').join(' '));
  return useMemo(() => {
    const bytes = memory.split(' ');
    return configs.flatMap((config, index): PlottedRun[] => {
      const log = logOf(index);
      if (!log) return [];
      const { precision } = config;
      const known = bytes[index] ? { memoryBytes: Number(bytes[index]) } : {};
      return [{ title: RECIPES[precision].title, precision, log, config, ...known }];
    });
  }, [configs, memory]);
}
