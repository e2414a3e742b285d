import type { XAxisKind } from '../../store/chartStore.ts';
import { thin } from '../../store/decimate.ts';
import { formatCount } from '../format.ts';
import { skipSentence } from '../messages.ts';
import { ScrollTable } from '../ui/ScrollTable.tsx';
import { timeLabel } from './axes.ts';
import styles from './ChartTable.module.css';
import { type ChartDefinition, entryOfStep, inWords, nearestEntry, type Series, xOf } from './chart.ts';
import { longestOf } from './crosshair.ts';

/** Enough rows for a person to read; the exported file has every step. */
const ROWS = 16;
const ROWS_OF_EVENTS = 20;

interface ChartTableProps {
  chart: ChartDefinition;
  series: readonly Series[];
  kind: XAxisKind;
}

const X_HEADER = { step: 'Step', tokens: 'Tokens', time: 'Training time' } as const;

/** The chart as numbers: evenly spaced steps, validations and skipped steps. */
export function ChartTable({ chart, series, kind }: ChartTableProps) {
  const rows = rowsOf(series, kind);
  const total = Math.max(0, ...series.map(({ length }) => length));
  return (
    <ScrollTable label={`${chart.title}, table`} className={styles.scroll}>
      <table className={styles.table} data-testid={`table-${chart.id}`}>
        <caption>
          {`${chart.title}: ${rows.length} of ${formatCount(total)} steps. The CSV file has all of them.`}
        </caption>
        <thead>
          <tr>
            <th scope="col">{X_HEADER[kind]}</th>
            {series.flatMap((one) =>
              columnsOf(chart, one).map(({ name }) => (
                <th key={`${one.index}-${name}`} scope="col" translate="no">
                  {`${one.run.title}, ${name}`}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody translate="no">
          {rows.map((x) => (
            <tr key={x}>
              <th scope="row">{kind === 'time' ? timeLabel(x) : formatCount(x)}</th>
              {series.flatMap((one) => {
                const at = nearestEntry(one.run, one.length, kind, x);
                return columnsOf(chart, one).map(({ name, cell }) => (
                  <td key={`${one.index}-${name}`}>{at < 0 ? '' : cell(at)}</td>
                ));
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollTable>
  );
}

interface Column {
  readonly name: string;
  readonly cell: (at: number) => string;
}

function columnsOf(chart: ChartDefinition, series: Series): Column[] {
  const { values, smoothed, gpu, validation, skipped = [], run } = series;
  const number = (column: ArrayLike<number>) => (at: number) => inWords(chart, column[at]!);
  const columns: Column[] = [];
  if (!series.lineless) columns.push({ name: chart.quantity, cell: number(values) });
  if (smoothed) columns.push({ name: 'smoothed', cell: number(smoothed) });
  if (gpu) columns.push({ name: 'GPU alone', cell: number(gpu) });
  if (validation && validation.length > 0) {
    columns.push({
      name: 'validation',
      cell: (at) => {
        const found = validation.find(({ step }) => step === run.log.columns.step[at]);
        return found ? inWords(chart, found.valLoss) : '';
      },
    });
  }
  if (skipped.length > 0) {
    columns.push({ name: 'skipped', cell: (at) => (skipped.includes(at) ? skipSentence(run.log, at) : '') });
  }
  return columns;
}

function rowsOf(series: readonly Series[], kind: XAxisKind): number[] {
  const longest = longestOf(series, kind);
  if (!longest) return [];
  const all = Array.from({ length: longest.length }, (_, i) => i);
  const even = thin(all, ROWS).map((i) => xOf(longest.run, kind, i));
  // Rows for the validations and skipped steps of each run.
  const share = Math.max(2, Math.floor(ROWS_OF_EVENTS / series.length / 2));
  const events = series.flatMap((one) => {
    const evaluated = (one.validation ?? []).map(({ step }) => entryOfStep(one, step));
    return [...thin(evaluated, share), ...thin(one.skipped ?? [], share)]
      .filter((at) => at >= 0)
      .map((at) => xOf(one.run, kind, at));
  });
  const places = [...even, ...events].sort((a, b) => a - b);
  // On a time axis the events of two runs rarely coincide, so only equal places are merged.
  return places.filter((x, i) => i === 0 || x !== places[i - 1]);
}
