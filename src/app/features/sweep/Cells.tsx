import { useState } from 'react';
import {
  bestLoss,
  FAILED_MODE,
  failureOf,
  rateName,
  type SweepCell,
  variantTitle,
} from '../../../engine/index.ts';
import { formatCount, formatDuration, formatLoss, formatTokensPerSecond } from '../../format.ts';
import { ScrollTable } from '../../ui/ScrollTable.tsx';
import styles from './SweepScreen.module.css';

/** Every finished cell as a row. Rows are rendered only while it is open. */
export function Cells({ cells }: { cells: readonly SweepCell[] }) {
  const [open, setOpen] = useState(false);
  const best = bestLoss(cells);
  if (cells.length === 0) return null;
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)} data-testid="sweep-cells">
      <summary>{`All ${formatCount(cells.length)} finished cells`}</summary>
      {open && (
        <ScrollTable label="Finished cells">
          <table className={styles.cells}>
            <thead>
              <tr>
                <th scope="col">Mode</th>
                <th scope="col">Learning rate</th>
                <th scope="col">Seed</th>
                <th scope="col">Validation loss</th>
                <th scope="col">Skipped</th>
                <th scope="col">Tokens/s</th>
                <th scope="col">Time</th>
              </tr>
            </thead>
            <tbody translate="no">
              {cells.map((cell) => (
                <tr key={`${cell.mode} ${cell.learningRate} ${cell.seed}`} data-testid="sweep-cell">
                  <th scope="row">{variantTitle(cell.mode)}</th>
                  <td>{rateName(cell.learningRate)}</td>
                  <td>{cell.seed}</td>
                  <td>{outcome(cell, best)}</td>
                  <td>{`${formatCount(cell.skippedSteps)} of ${formatCount(cell.steps)}`}</td>
                  <td>{cell.tokensPerSec === null ? '–' : formatTokensPerSecond(cell.tokensPerSec)}</td>
                  <td>{formatDuration(cell.seconds)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollTable>
      )}
    </details>
  );
}

function outcome(cell: SweepCell, best: number | null): string {
  if (cell.stopped !== null) return FAILED_MODE;
  const failure = failureOf(cell, best);
  return `${formatLoss(cell.loss)}${cell.loss !== null && failure ? `, ${failure}` : ''}`;
}
