/** The lazy chunk: everything that imports recharts is behind this module. */
import { useRun } from '../../store/runStore.ts';
import { LossChart } from './LossChart.tsx';
import { LossScaleChart } from './LossScaleChart.tsx';

/** Redrawn when the store's frame counts on: at most four times a second, and not while the page is hidden. */
export default function Charts() {
  const configs = useRun((state) => state.configs);
  const frame = useRun((state) => state.frame);
  return (
    <>
      <LossChart configs={configs} frame={frame} />
      <LossScaleChart configs={configs} frame={frame} />
    </>
  );
}
