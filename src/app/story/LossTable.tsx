import { logOf, useRun } from '../../store/runStore.ts';
import { formatCount, formatLoss } from '../format.ts';
import { FiguresTable } from '../ui/FiguresTable.tsx';
import { LazyDetails } from '../ui/LazyDetails.tsx';
import { armOf } from './arms.ts';

/** Rows between the first step and the last. */
const BETWEEN = 10;

/** The chart as numbers, for those who read them rather than see lines. */
export function LossTable() {
  return (
    <LazyDetails summary="The chart as a table" testId="story-table">
      <Table />
    </LazyDetails>
  );
}

function Table() {
  useRun((state) => state.frame); // the logs are read again at each redraw
  const configs = useRun((state) => state.configs);
  const runs = configs.flatMap(({ precision }, index) => {
    const log = logOf(index);
    return log ? [{ ...armOf(precision), log }] : [];
  });
  const last = Math.max(0, ...runs.map(({ log }) => log.columns.step[log.length - 1] ?? 0));
  return (
    <FiguresTable label="Loss by step" data-testid="story-losses">
      <thead>
        <tr>
          <th scope="col">Step</th>
          {runs.map(({ mode, name }) => (
            <th key={mode} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody translate="no">
        {stepsUpTo(last).map((step) => (
          <tr key={step}>
            <th scope="row">{formatCount(step)}</th>
            {runs.map(({ mode, log }) => {
              const at = log.columns.step.subarray(0, log.length).indexOf(step);
              return <td key={mode}>{at < 0 ? '' : formatLoss(log.columns.loss[at]!)}</td>;
            })}
          </tr>
        ))}
      </tbody>
    </FiguresTable>
  );
}

function stepsUpTo(last: number): number[] {
  const even = Array.from(
    { length: BETWEEN + 2 },
    (_, i) => 1 + Math.round((i * (last - 1)) / (BETWEEN + 1)),
  );
  return last < 1 ? [] : [...new Set(even)];
}
