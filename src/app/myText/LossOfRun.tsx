import { useMemo } from 'react';
import { variantTitle } from '../../engine/index.ts';
import { isBusy, logOf, useRun } from '../../store/runStore.ts';
import { LOSS } from '../charts/definitions/loss.ts';
import { LivePlot } from '../charts/LivePlot.tsx';
import { MetricChart } from '../charts/MetricChart.tsx';
import type { PlottedRun } from '../charts/plottedRun.ts';

/** Training and validation loss of the one run. */
export default function LossOfRun() {
  const configs = useRun((state) => state.configs);
  const busy = useRun(isBusy);
  const runs = useMemo((): readonly PlottedRun[] => {
    const [config] = configs;
    const log = logOf(0);
    if (!config || !log) return [];
    const mode = useRun.getState().runs[0]?.mode ?? config.precision;
    return [
      { title: variantTitle(mode), mode, log, config, place: 0, ...(busy && { planned: config.steps }) },
    ];
  }, [configs, busy]);
  return <MetricChart chart={LOSS} runs={runs} drawing={LivePlot} live />;
}
