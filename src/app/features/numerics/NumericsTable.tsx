import { useState } from 'react';
import { flushedShare, subnormalShare } from '../../../engine/index.ts';
import { formatCount, formatPercent, formatPowerOfTwo } from '../../format.ts';
import { ScrollTable } from '../../ui/ScrollTable.tsx';
import { formatWords, shareWords } from './messages.ts';
import type { HeatRow } from './model.ts';
import styles from './NumericsPanel.module.css';

/** The heatmap as a table. Rows are rendered only while it is open. */
export function NumericsTable({ rows }: { rows: readonly HeatRow[] }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)} data-testid="numerics-table">
      <summary>Show as a table</summary>
      {open && (
        <ScrollTable label="Table of exponents" className={styles.tableBox}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Tensor</th>
                <th scope="col">Stored as</th>
                <th scope="col">Flushed</th>
                <th scope="col">Subnormal</th>
                <th scope="col">Overflow</th>
                <th scope="col">Exact zeros</th>
                <th scope="col">Largest</th>
              </tr>
            </thead>
            <tbody translate="no">
              {rows.map(({ row, losses, total, largest }) => (
                <tr key={row.name} data-testid="numerics-row">
                  <th scope="row">{row.name}</th>
                  <td>{formatWords(row.format)}</td>
                  <td data-testid="numerics-row-flushed">{shareWords(flushedShare(losses))}</td>
                  <td>{shareWords(subnormalShare(losses))}</td>
                  <td>{formatCount(losses.overflow)}</td>
                  <td>{formatPercent(losses.zeros / Math.max(1, total))}</td>
                  <td>{largest === null ? 'none' : `below ${formatPowerOfTwo(largest + 1)}`}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollTable>
      )}
    </details>
  );
}
