import { useState } from 'react';
import type { FormatId, NumberColumn } from '../../../engine/index.ts';
import { ScrollTable } from '../../ui/ScrollTable.tsx';
import { formatWords, numberIn, numberWords } from './messages.ts';
import styles from './NumericsPanel.module.css';

interface NumbersTableProps {
  title: string;
  /** What the numbers mean, below them. */
  sentence?: string;
  columns: readonly NumberColumn[];
  /** What was measured, by the keys of the columns. */
  rows: readonly { readonly name: string; readonly format?: FormatId }[];
  'data-testid': string;
}

/** What is measured of each tensor of a step. Rows are rendered only while it is open. */
export function NumbersTable({ title, sentence, columns, rows, 'data-testid': testId }: NumbersTableProps) {
  const [open, setOpen] = useState(false);
  const formats = rows.some(({ format }) => format !== undefined);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)} data-testid={testId}>
      <summary>{title}</summary>
      {open && (
        <ScrollTable label={`Table: ${title}`} className={styles.tableBox}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Tensor</th>
                {formats && <th scope="col">Stored as</th>}
                {columns.map(({ key, label }) => (
                  <th key={key} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody translate="no">
              {rows.map((row) => (
                <tr key={`${row.name} ${row.format ?? ''}`} data-testid={`${testId}-row`}>
                  <th scope="row">{row.name}</th>
                  {formats && <td>{row.format && formatWords(row.format)}</td>}
                  {columns.map((column) => (
                    <NumberCell key={column.key} column={column} row={row} />
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {sentence && <p>{sentence}</p>}
        </ScrollTable>
      )}
    </details>
  );
}

function NumberCell({ column, row }: { column: NumberColumn; row: object }) {
  const words = numberWords(column, row);
  const isHigh = column.alarm !== undefined && (numberIn(column, row) ?? 0) >= column.alarm;
  return <td>{isHigh ? <strong>{words}</strong> : words}</td>;
}
