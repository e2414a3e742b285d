import type { RunRecord } from '../../../store/history/record.ts';
import { FiguresTable } from '../../ui/FiguresTable.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Swatch } from '../../ui/Swatch.tsx';
import styles from './Differences.module.css';
import { type DifferenceRow, differencesOf } from './differences.ts';

/** The settings and results in which the chosen runs differ. */
export function Differences({ runs }: { runs: readonly RunRecord[] }) {
  if (runs.length < 2) return <p className={styles.hint}>Choose a second run to see the differences.</p>;
  const { settings, results } = differencesOf(runs);
  return (
    <Panel title="Differences">
      <FiguresTable label="Differences" className={styles.differs} data-testid="differences">
        <thead>
          <tr>
            <td />
            {runs.map((run, index) => (
              <th key={run.id} scope="col">
                <Swatch place={index} />
                <span>{run.name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <Rows title="Settings" none="The same in all runs." rows={settings} columns={runs.length} />
        <Rows
          title="Results"
          none="The same in all runs, to the digits shown."
          rows={results}
          columns={runs.length}
        />
      </FiguresTable>
    </Panel>
  );
}

interface RowsProps {
  title: string;
  /** Shown when there is no row. */
  none: string;
  rows: readonly DifferenceRow[];
  columns: number;
}

function Rows({ title, none, rows, columns }: RowsProps) {
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colSpan={columns + 1} className={styles.group}>
          {title}
        </th>
      </tr>
      {rows.length === 0 && (
        <tr>
          <td colSpan={columns + 1}>{none}</td>
        </tr>
      )}
      {rows.map(({ name, cells }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          {cells.map((cell, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its column
            <td key={index}>{cell}</td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}
