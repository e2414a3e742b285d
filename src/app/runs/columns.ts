/** The columns of the runs table: on the screen, in CSV and in Markdown. */
import { figuresOf, modeOfRecord, type RunFigures } from '../../store/history/figures.ts';
import type { RunRecord } from '../../store/history/record.ts';
import { formatCount, formatLoss, formatMiB, formatTokensPerSecond } from '../format.ts';
import { titleOf } from '../messages.ts';
import { presetTitle } from './messages.ts';

export type ColumnId =
  | 'starred'
  | 'name'
  | 'time'
  | 'preset'
  | 'mode'
  | 'steps'
  | 'valLoss'
  | 'trainLoss'
  | 'tokensPerSec'
  | 'memory'
  | 'skipped';

export interface Column {
  readonly id: ColumnId;
  readonly label: string;
  /** Read from the left; figures stand under each other. */
  readonly words?: true;
  /** What is sorted by and exported; null where there is none, which sorts last. */
  readonly value: (run: RunRecord) => string | number | null;
  readonly text: (run: RunRecord) => string;
}

const NONE = '–';
const date = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** A figure of the run, the same in the table and in exports. */
function figure(
  id: ColumnId,
  label: string,
  value: (figures: RunFigures) => number | null,
  format: (value: number) => string,
): Column {
  return {
    id,
    label,
    value: (run) => value(figuresOf(run)),
    text: (run) => {
      const found = value(figuresOf(run));
      return found === null ? NONE : format(found);
    },
  };
}

/** What is read as it is, and sorted and exported by what it stands for. */
function words(
  id: ColumnId,
  label: string,
  value: (run: RunRecord) => string | number | null,
  text: (run: RunRecord) => string,
): Column {
  return { id, label, words: true, value, text };
}

export const COLUMNS: readonly Column[] = [
  words(
    'starred',
    'Starred',
    ({ starred }) => (starred ? 'yes' : null),
    ({ starred }) => (starred ? 'yes' : ''),
  ),
  words(
    'name',
    'Run',
    ({ name }) => name,
    ({ name }) => name,
  ),
  figure('valLoss', 'Validation loss', ({ valLoss }) => valLoss, formatLoss),
  words('mode', 'Precision', modeOfRecord, (run) => titleOf(modeOfRecord(run))),
  figure('tokensPerSec', 'Tokens/s', ({ tokensPerSec }) => tokensPerSec, formatTokensPerSecond),
  figure('memory', 'GPU memory', ({ memoryBytes }) => memoryBytes, formatMiB),
  figure('skipped', 'Skipped', ({ skipped }) => skipped, formatCount),
  figure('steps', 'Steps', ({ steps }) => steps, formatCount),
  figure('trainLoss', 'Training loss', ({ trainLoss }) => trainLoss, formatLoss),
  words(
    'preset',
    'Preset',
    ({ preset }) => preset,
    ({ preset }) => presetTitle(preset),
  ),
  words(
    'time',
    'Ended',
    ({ time }) => time,
    ({ time }) => date.format(time),
  ),
];

/** Runs without a figure come last, whichever way it is sorted. */
export function sortRuns(
  runs: readonly RunRecord[],
  { column, descending }: { readonly column: ColumnId; readonly descending: boolean },
): RunRecord[] {
  const { value } = COLUMNS.find(({ id }) => id === column)!;
  const sign = descending ? -1 : 1;
  return [...runs].sort((left, right) => {
    const [a, b] = [value(left), value(right)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (typeof a === 'string' || typeof b === 'string')
      return sign * String(a).localeCompare(String(b), 'en');
    return sign * (a - b);
  });
}
