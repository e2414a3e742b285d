/** Two reports side by side. */
import type { Report } from './report.ts';
import { type CompiledRow, isCompiled, type Row } from './rows.ts';
import { aboutReport, boundText, markdownTable, namesOf, percent, spills } from './table.ts';

/** Constants, and the conditions under which lanes share what they load. */
const HOW = /=\d+$|subgroups?$|^sharesPart$/i;

const HEADER = ['kernel', 'VGPRs', 'spilled', 'waves a SIMD', 'FMA share', 'bound', 'change'];

/**
 * Before and after of each task: what a kernel computes from what, however it is tiled and shared. Of the variants that a run
 * may choose among for a task, the one with the highest bound stands for it.
 */
export function comparisonTables(before: Report, after: Report): string {
  const [old, now] = [before, after].map(({ rows }) => bestByTask(rows));
  const tables = [...new Set(after.rows.map(sectionOf))].map((section) => {
    const all = [...new Map([...old!, ...now!])].filter(([, row]) => sectionOf(row) === section);
    const names = namesOf(all.map(([, row]) => row));
    const lines = all.map(([task, row]) => [names.get(row)!, ...cells(old!.get(task), now!.get(task))]);
    return `### ${section}\n\n${markdownTable(HEADER, lines.sort(byName))}`;
  });
  return [`Before: ${aboutReport(before)}`, ...tables].join('\n\n');
}

function byName([a]: readonly string[], [b]: readonly string[]): number {
  return a!.localeCompare(b!);
}

/** By section, kernel and traits, without what only says how a kernel does its work. */
function bestByTask(rows: readonly Row[]): Map<string, CompiledRow> {
  const best = new Map<string, CompiledRow>();
  for (const row of rows.filter(isCompiled)) {
    const kernel = row.kernel.replace(/^(matmul)_(tiled|register)$|^(attention)_uniform/, '$1$3');
    const traits = row.traits.filter((trait) => !HOW.test(trait));
    const task = [sectionOf(row), kernel, ...traits].join(' ');
    const other = best.get(task);
    if (!other || row.bound > other.bound) best.set(task, { ...row, kernel, traits });
  }
  return best;
}

function sectionOf({ family, group }: Row): string {
  return `${family}, ${group}`;
}

function cells(before: CompiledRow | undefined, after: CompiledRow | undefined): string[] {
  const pair = (text: (row: CompiledRow) => string): string => {
    const [was, is] = [before, after].map((row) => (row ? text(row) : '-'));
    return was === is ? is! : `${was} → ${is}`;
  };
  return [
    pair(({ vgprs }) => String(vgprs)),
    pair(spills),
    pair(({ waves }) => String(waves)),
    pair(({ fmaShare }) => percent(fmaShare)),
    pair(boundText),
    before?.computes && after?.computes ? `${(after.bound / before.bound).toFixed(2)} times` : '',
  ];
}
