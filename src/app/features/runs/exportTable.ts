/** Exports the runs table for spreadsheets and documents. */
import type { RunRecord } from '../../../store/history/record.ts';
import { COLUMNS } from './columns.ts';

/** CSV with plain numbers, times in ISO 8601, and empty cells for missing values. */
export function tableAsCsv(runs: readonly RunRecord[]): string {
  const rows = runs.map((run) =>
    COLUMNS.map(({ id, value }) => {
      const cell = value(run);
      if (id === 'time') return new Date(run.time).toISOString();
      return typeof cell === 'string' ? csvText(cell) : String(cell ?? '');
    }).join(','),
  );
  return [COLUMNS.map(({ label }) => label).join(','), ...rows, ''].join('\r\n');
}

/** A leading apostrophe keeps spreadsheets from running text that begins like a formula. */
function csvText(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

export function tableAsMarkdown(runs: readonly RunRecord[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(COLUMNS.map(({ label }) => label)),
    line(COLUMNS.map(({ words }) => (words ? '---' : '---:'))),
    ...runs.map((run) => line(COLUMNS.map(({ text }) => markdownText(text(run))))),
    '',
  ].join('\n');
}

function markdownText(text: string): string {
  return text.replace(/[\\`*_[\]<>|#]/g, '\\$&').replace(/\s+/g, ' ');
}
