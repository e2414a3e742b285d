/** The lazy chunk of the charts of the runs on the page. */
import { useMemo } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { comparedModes, variantTitle } from '../../engine/index.ts';
import { OPTIONAL_FIGURES } from '../../session/optionalFigures.ts';
import { modePlace } from '../../store/comparison.ts';
import { isBusy, logOf, useRun } from '../../store/runStore.ts';
import styles from './Charts.module.css';
import { GRADIENT_NORM } from './definitions/gradientNorm.ts';
import { LEARNING_RATE } from './definitions/learningRate.ts';
import { LOSS } from './definitions/loss.ts';
import { DIFFERENCE } from './definitions/lossDifference.ts';
import { LOSS_SCALE } from './definitions/lossScale.tsx';
import { MEMORY } from './definitions/memory.ts';
import { OPTIONAL_CHARTS } from './definitions/optional.ts';
import { MAX_LOGIT, SHARPNESS } from './definitions/sharpness.ts';
import { COST } from './definitions/simulatedCost.ts';
import { GPU_SPEED, SPEED } from './definitions/speed.tsx';
import { LivePlot } from './LivePlot.tsx';
import { MetricChart } from './MetricChart.tsx';
import type { PlottedRun } from './plottedRun.ts';
import { COLORS } from './series.ts';

const SMALL_CHARTS = [GRADIENT_NORM, LEARNING_RATE, MEMORY];
/** Shown only when a run measures sharpness. */
const SHARPNESS_CHARTS = [SHARPNESS, MAX_LOGIT];

/** Each chart is redrawn at new frames of the store, without rendering this list of them. */
export default function Charts() {
  const runs = usePlottedRuns();
  // Between the steps of a run in lockstep the others take theirs, so only the GPU's clock measures its own speed.
  const lockstep = useRun((state) => state.schedule === 'lockstep');
  const timestamps = useRun(({ adapter }) => adapter?.features.includes('timestamp-query') ?? false);
  // The logs grow outside the store, whose every change asks again.
  const measured = useRun(() => runs.some(({ log }) => log.sharpness.length > 0));
  const reported = useRun(
    useShallow(() => OPTIONAL_FIGURES.filter((figure) => runs.some(({ log }) => log.reported.has(figure)))),
  );
  const scheduled = useRun(({ configs }) =>
    configs.some(({ precisionSchedule }) => precisionSchedule !== 'none'),
  );
  // From the start, so that the charts below it do not move when the second run begins.
  const compared = runs.length > 1;
  const charts = [
    LOSS,
    ...(compared ? [DIFFERENCE] : []),
    LOSS_SCALE,
    ...(lockstep ? (timestamps ? [GPU_SPEED] : []) : [SPEED]),
    ...(measured ? SHARPNESS_CHARTS : []),
    ...reported.map((figure) => OPTIONAL_CHARTS[figure].chart),
    ...(scheduled ? [COST] : []),
    ...SMALL_CHARTS,
  ];
  return (
    <div className={styles.charts}>
      {charts.map((chart) => (
        <MetricChart
          key={chart.id}
          chart={chart}
          runs={runs}
          drawing={LivePlot}
          live
          wide={chart === LOSS_SCALE && !compared}
        />
      ))}
    </div>
  );
}

/** The runs on the page. The array keeps its identity while they train, except when one starts. */
function usePlottedRuns(): readonly PlottedRun[] {
  const configs = useRun((state) => state.configs);
  const memory = useRun(
    useShallow((state) => state.runs.map(({ facts, summary }) => (facts ?? summary)?.memory.total)),
  );
  const ended = useRun(
    useShallow((state) => state.runs.map(({ summary, error }) => !isBusy(state) || !!(summary ?? error))),
  );
  return useMemo(() => {
    const { runs } = useRun.getState(); // has as many entries as `configs`
    const seeds = new Set(configs.map(({ seed }) => seed)).size;
    return configs.flatMap((config, index): PlottedRun[] => {
      const log = logOf(index);
      const mode = runs[index]?.mode ?? config.precision;
      if (!log) return [];
      const bytes = memory[index];
      const known = bytes === undefined ? {} : { memoryBytes: bytes };
      const planned = ended[index] ? {} : { planned: config.steps };
      const title = `${variantTitle(mode)}${seeds > 1 ? `, seed ${config.seed}` : ''}`;
      // The seeds of a mode share its colour.
      const repeat = Math.floor(index / comparedModes(runs).length);
      const place = modePlace(runs, index) + repeat * COLORS;
      return [{ title, mode, log, config, place, ...known, ...planned }];
    });
  }, [configs, memory, ended]);
}
