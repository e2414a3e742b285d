import type { CSSProperties } from 'react';
import { type RateResult, rateName, rateText, sweepRows, variantTitle } from '../../../engine/index.ts';
import { useRun } from '../../../store/runStore.ts';
import type { KeptSweep } from '../../../store/sweep/records.ts';
import { useSweeps } from '../../../store/sweep/sweepStore.ts';
import { ScrollTable } from '../../ui/ScrollTable.tsx';
import styles from './Heatmap.module.css';

/** Modes by learning rates, as a table: every figure stands in its cell, and the colour only repeats it. */
export function Heatmap({ sweep }: { sweep: KeptSweep }) {
  const rows = sweepRows(sweep);
  const training = useTraining(sweep.id);
  const share = shares(rows.flatMap(({ results }) => results));
  return (
    <ScrollTable label="Losses by mode and learning rate">
      <table className={styles.table} data-testid="sweep-heatmap">
        <thead>
          <tr>
            <th scope="col">Learning rate</th>
            {sweep.grid.learningRates.map((rate) => (
              <th key={rate} scope="col">
                {rateName(rate)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody translate="no">
          {rows.map(({ mode, results }) => (
            <tr key={mode}>
              <th scope="row">{variantTitle(mode)}</th>
              {results.map((result) => (
                <HeatCell
                  key={result.learningRate}
                  result={result}
                  share={share(result)}
                  training={training === `${mode} ${result.learningRate}`}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollTable>
  );
}

function HeatCell({ result, share, training }: { result: RateResult; share: number; training: boolean }) {
  const { mode, learningRate, finished, failures, best, loss } = result;
  const style = { '--share': `${Math.round(share * 100)}%` } as CSSProperties;
  return (
    <td
      className={styles.cell}
      style={style}
      data-lost={(finished > 0 && loss === null) || undefined}
      data-testid={`sweep-${mode}-${learningRate}`}
    >
      <span>{rateText(result)}</span>
      {best && <span className={styles.mark}>best</span>}
      {failures.length > 0 && loss !== null && (
        <span className={styles.mark}>{`without ${[...new Set(failures)].join(', ')}`}</span>
      )}
      {training && <span className={styles.mark}>training</span>}
    </td>
  );
}

/** 1 for the lowest mean loss of the table, 0 for the highest and where there is none. */
function shares(results: readonly RateResult[]): (result: RateResult) => number {
  const means = results.flatMap(({ loss }) => (loss ? [loss.mean] : []));
  const [low, high] = [Math.min(...means), Math.max(...means)];
  return ({ loss }) => {
    if (!loss) return 0;
    return high > low ? (high - loss.mean) / (high - low) : 1;
  };
}

/** Mode and rate of the current cell; null when this sweep is not training. */
function useTraining(id: string): string | null {
  const running = useSweeps((state) => state.running === id);
  return useRun(({ runs: [run] }) => (running && run ? `${run.mode} ${run.config.learningRate}` : null));
}
