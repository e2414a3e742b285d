import { askedFor, namesIn } from '../../../store/history/changes.ts';
import type { RunRecord } from '../../../store/history/record.ts';
import { COLUMNS } from './columns.ts';
import { settingName, settingText } from './messages.ts';

export interface DifferenceRow {
  readonly name: string;
  readonly cells: readonly string[];
}

const RESULTS = COLUMNS.filter(({ id }) => !['starred', 'name', 'time', 'preset', 'mode'].includes(id));
const NONE = '–';

/** Rows in which the runs differ: requested settings, the machine, and results. */
export function differencesOf(runs: readonly RunRecord[]): Record<'settings' | 'results', DifferenceRow[]> {
  const asked = runs.map(askedFor);
  const machines = runs.map(({ facts, summary }) => ({
    adapter: summary?.adapter ?? NONE,
    'f16 storage': facts.storage ?? 'none',
    ...Object.fromEntries(
      Object.entries(facts.kernels).map(([kernel, variant]) => [`kernel ${kernel}`, variant]),
    ),
  })) as Record<string, string>[];
  return {
    settings: [
      ...namesIn(asked).map((name) => ({
        name: settingName(name),
        cells: asked.map((table) => (name in table ? settingText(name, table[name] ?? null) : NONE)),
      })),
      ...namesIn(machines).map((name) => ({ name, cells: machines.map((table) => table[name] ?? NONE) })),
    ].filter(differs),
    results: [
      { name: 'Outcome', cells: runs.map(({ outcome }) => outcome) },
      ...RESULTS.map(({ label, text }) => ({ name: label, cells: runs.map(text) })),
    ].filter(differs),
  };
}

function differs({ cells }: DifferenceRow): boolean {
  return new Set(cells).size > 1;
}
