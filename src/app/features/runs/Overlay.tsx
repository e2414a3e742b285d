/** Charts of runs from the history, a lazy chunk with recharts. */
import { useMemo } from 'react';
import { tokensPerStep, variantTitle } from '../../../engine/index.ts';
import { perFigure } from '../../../session/optionalFigures.ts';
import { logOfCurve } from '../../../store/history/curve.ts';
import { figuresOf, modeOfRecord } from '../../../store/history/figures.ts';
import type { RunRecord } from '../../../store/history/record.ts';
import { scalesLoss } from '../../../store/settings.ts';
import type { ChartDefinition } from '../../charts/chart.ts';
import { GRADIENT_NORM } from '../../charts/definitions/gradientNorm.ts';
import { LOSS } from '../../charts/definitions/loss.ts';
import { LOSS_SCALE } from '../../charts/definitions/lossScale.tsx';
import { OPTIONAL_CHARTS } from '../../charts/definitions/optional.ts';
import { COST } from '../../charts/definitions/simulatedCost.ts';
import { SPEED } from '../../charts/definitions/speed.tsx';
import { MetricChart } from '../../charts/MetricChart.tsx';
import type { PlottedRun } from '../../charts/plottedRun.ts';
import { StaticPlot } from '../../charts/StaticPlot.tsx';
import screen from '../../ui/Screen.module.css';
import styles from './RunsScreen.module.css';
import { OVERLAY_METRICS, type OverlayMetric, useRunsView } from './view.ts';

const CHARTS: Readonly<Record<OverlayMetric, { readonly label: string; readonly chart: ChartDefinition }>> = {
  loss: { label: 'Loss', chart: LOSS },
  scale: { label: 'Loss scale', chart: LOSS_SCALE },
  speed: { label: 'Tokens/s', chart: { ...SPEED, empty: () => 'These runs have no measured speed.' } },
  norm: { label: 'Gradient norm', chart: GRADIENT_NORM },
  ...OPTIONAL_CHARTS,
  cost: { label: 'Simulated cost', chart: COST },
};

/** Whether a run has values of a metric that not all have. */
const HAS: Readonly<Partial<Record<OverlayMetric, (run: RunRecord) => boolean>>> = {
  scale: (run) => scalesLoss(run.config.precision) || figuresOf(run).skipped > 0,
  ...perFigure(
    (figure) =>
      ({ curve }: RunRecord) =>
        curve[figure] !== undefined,
  ),
  cost: ({ curve }) => curve.stages !== undefined,
};
const always = () => true;

/** Draws ended runs in one chart per metric. */
export default function Overlay({ runs }: { runs: readonly RunRecord[] }) {
  const metrics = useRunsView((state) => state.metrics);
  const plotted = useMemo(() => runs.map(plottedRun), [runs]);
  // A chart without values would only say that there is nothing to draw.
  const drawn = metrics.filter((metric) => runs.some(HAS[metric] ?? always));
  return (
    <>
      <MetricChoice runs={runs} />
      {drawn.map((metric) => (
        <MetricChart
          key={metric}
          chart={CHARTS[metric].chart}
          runs={plotted}
          drawing={StaticPlot}
          live={false}
          wide
        />
      ))}
    </>
  );
}

function MetricChoice({ runs }: { runs: readonly RunRecord[] }) {
  const metrics = useRunsView((state) => state.metrics);
  const draw = useRunsView((state) => state.draw);
  return (
    <fieldset className={`${screen.checks} ${styles.metrics}`}>
      <legend>Draw</legend>
      {OVERLAY_METRICS.map((metric) => {
        const empty = !runs.some(HAS[metric] ?? always);
        // Few runs have these, and the others need not name them.
        if (empty && metric !== 'scale') return null;
        return (
          <label key={metric} title={empty ? 'None of these runs scales its loss' : undefined}>
            <input
              type="checkbox"
              checked={metrics.includes(metric) && !empty}
              disabled={empty}
              onChange={({ target }) => draw(metric, target.checked)}
              data-testid={`draw-${metric}`}
            />
            <span>{CHARTS[metric].label}</span>
          </label>
        );
      })}
    </fieldset>
  );
}

function plottedRun(run: RunRecord): PlottedRun {
  const { name, config, curve, evals } = run;
  const { batch, context, accumulation, seed, clip } = config;
  return {
    title: `${name} (${variantTitle(modeOfRecord(run))})`,
    mode: modeOfRecord(run),
    log: logOfCurve(curve, config.steps, evals, tokensPerStep(config)),
    config: { batch, context, accumulation, seed, clip: typeof clip === 'number' ? clip : 0 },
  };
}
