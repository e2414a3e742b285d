import { useState } from 'react';
import type { QuantizationNoise } from '../../../engine/index.ts';
import { ScrollTable } from '../../ui/ScrollTable.tsx';
import { formatWords, NOISE_SENTENCE, ratioWords, shareWords } from './messages.ts';
import styles from './NumericsPanel.module.css';

/** Quantisation noise of the tensors of a step. Rows are rendered only while it is open. */
export function NoiseTable({ noise }: { noise: readonly QuantizationNoise[] }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)} data-testid="numerics-noise">
      <summary>Signal to quantisation noise</summary>
      {open && (
        <ScrollTable label="Table of quantisation noise" className={styles.tableBox}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Tensor</th>
                <th scope="col">Stored as</th>
                <th scope="col">Signal to noise</th>
                <th scope="col">Saturated</th>
                <th scope="col">Underflow</th>
                <th scope="col">Largest</th>
                <th scope="col">Kurtosis</th>
              </tr>
            </thead>
            <tbody translate="no">
              {noise.map((row) => (
                <tr key={`${row.name} ${row.format}`} data-testid="numerics-noise-row">
                  <th scope="row">{row.name}</th>
                  <td>{formatWords(row.format)}</td>
                  <td>{ratioWords(row)}</td>
                  <td>{shareWords(row.amax === 0 ? null : row.saturated)}</td>
                  <td>{shareWords(row.amax === 0 ? null : row.underflow)}</td>
                  <td>{Number.isFinite(row.amax) ? row.amax.toPrecision(3) : 'not finite'}</td>
                  <td>{row.kurtosis?.toPrecision(3) ?? '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p>{NOISE_SENTENCE}</p>
        </ScrollTable>
      )}
    </details>
  );
}
