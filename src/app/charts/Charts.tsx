/** The lazy chunk: everything that imports recharts is behind this module. */
import { useMemo } from 'react';
import { RECIPES } from '../../engine/precision/recipes.ts';
import { logOf, useRun } from '../../store/runStore.ts';
import { LossChart } from './LossChart.tsx';
import { LossScaleChart } from './LossScaleChart.tsx';
import type { PlottedRun } from './plottedRun.ts';

/** Redrawn when the store's frame counts on: at most four times a second, and not while the page is hidden. */
export default function Charts() {
  const configs = useRun((state) => state.configs);
  const frame = useRun((state) => state.frame);
  const runs = useMemo(
    () =>
      configs.flatMap(({ precision }, index): PlottedRun[] => {
        const log = logOf(index);
        return log ? [{ title: RECIPES[precision].title, precision, log }] : [];
      }),
    [configs],
  );
  return (
    <>
      <LossChart runs={runs} frame={frame} />
      <LossScaleChart runs={runs} frame={frame} />
    </>
  );
}
