/** Columns of the runs table, for the screen, CSV and Markdown. */
import { variantTitle } from '../../../engine/index.ts';
import { figuresOf, modeOfRecord, type RunFigures } from '../../../store/history/figures.ts';
import type { RunRecord } from '../../../store/history/record.ts';
import { formatCount, formatLoss, formatMiB, formatTokensPerSecond } from '../../format.ts';
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
  /** Whether the text is left-aligned; figures are right-aligned. */
  readonly words?: true;
  /** The value to sort by and to export; null where there is none, which sorts last. */
  readonly value: (run: RunRecord) => string | number | null;
  readonly text: (run: RunRecord) => string;
}

const NONE = '–';
const date = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** A column for a figure, the same in the table and in exports. */
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

/** A column for text, which is sorted and exported by `value`. */
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
  words('mode', 'Precision', modeOfRecord, (run) => variantTitle(modeOfRecord(run))),
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

/** Runs without a value come last, in either direction. */
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
