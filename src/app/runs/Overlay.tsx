/** Part of the lazy chunk of the charts. */
import { useMemo } from 'react';
import { logOfCurve } from '../../store/history/curve.ts';
import { figuresOf } from '../../store/history/figures.ts';
import type { RunRecord } from '../../store/history/record.ts';
import { scalesLoss } from '../../store/settings.ts';
import { LossChart, LossScaleChart } from '../charts/Charts.tsx';
import type { PlottedRun } from '../charts/plottedRun.ts';
import { modeTitle } from './messages.ts';

/** Runs that have ended, in one chart each. Nothing of them grows, so there is one frame. */
export default function Overlay({ runs }: { runs: readonly RunRecord[] }) {
  const plotted = useMemo(
    () =>
      runs.map(
        ({ name, config, curve, evals }): PlottedRun => ({
          title: `${name} (${modeTitle(config.precision)})`,
          precision: config.precision,
          log: logOfCurve(curve, config.steps, evals),
        }),
      ),
    [runs],
  );
  return (
    <>
      <LossChart runs={plotted} frame={0} />
      {runs.some(hasScale) && <LossScaleChart runs={plotted} frame={0} wide />}
    </>
  );
}

/** Without any, the chart would only say that there is nothing to draw. */
function hasScale(run: RunRecord): boolean {
  return scalesLoss(run.config.precision) || figuresOf(run).skipped > 0;
}
