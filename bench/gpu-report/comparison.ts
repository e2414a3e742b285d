/** Two reports side by side. */
import type { Report } from './report.ts';
import { type CompiledRow, isCompiled, type Row } from './rows.ts';
import { aboutReport, boundText, markdownTable, namesOf, percent, spills } from './table.ts';

const HEADER = ['kernel', 'VGPRs', 'spilled', 'waves a SIMD', 'FMA share', 'bound', 'change of the bound'];

/**
 * Before and after of each kernel. Rows are matched by what the kernel is asked to do; where only the constants or the way
 * of sharing changed, by the best of those that do the same.
 */
export function comparisonTables(before: Report, after: Report): string {
  const names = namesOf([...before.rows, ...after.rows]);
  const keyed = new Map(before.rows.map((row) => [keyOf(row), row]));
  const matched = new Set<Row>();
  const lines = after.rows.map((row) => {
    const old = keyed.get(keyOf(row));
    if (old) matched.add(old);
    return [names.get(row)!, `${row.family}, ${row.group}`, ...cells(old, row)];
  });
  const gone = before.rows
    .filter((row) => !matched.has(row))
    .map((row) => [names.get(row)!, `${row.family}, ${row.group}`, ...cells(row, undefined)]);
  const [kernel, ...rest] = HEADER;
  return [
    `Before: ${aboutReport(before)}`,
    markdownTable([kernel!, 'of', ...rest], [...lines, ...gone]),
  ].join('\n\n');
}

function keyOf({ family, group, key }: Row): string {
  return [family, group, key].join(' ');
}

function cells(before: Row | undefined, after: Row | undefined): string[] {
  const [old, now] = [before, after].map((row) => (row && isCompiled(row) ? row : undefined));
  const pair = (text: (row: CompiledRow) => string): string => {
    const [was, is] = [old ? text(old) : '-', now ? text(now) : '-'];
    return was === is ? is : `${was} → ${is}`;
  };
  return [
    pair(({ vgprs }) => String(vgprs)),
    pair(spills),
    pair(({ waves }) => String(waves)),
    pair(({ fmaShare }) => percent(fmaShare)),
    pair(boundText),
    old?.computes && now?.computes ? `${(now.bound / old.bound).toFixed(2)} times` : '',
  ];
}
