/** The columns of the runs table: on the screen, in CSV and in Markdown. */
import { figuresOf } from '../../store/history/figures.ts';
import type { RunRecord } from '../../store/history/record.ts';
import { formatCount, formatLoss, formatMiB, formatTokensPerSecond } from '../format.ts';
import { modeTitle, presetTitle } from './messages.ts';

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
const loss = (value: number | null) => (value === null ? NONE : formatLoss(value));

export const COLUMNS: readonly Column[] = [
  {
    id: 'starred',
    label: 'Starred',
    words: true,
    value: ({ starred }) => (starred ? 'yes' : null),
    text: ({ starred }) => (starred ? 'yes' : ''),
  },
  { id: 'name', label: 'Run', words: true, value: ({ name }) => name, text: ({ name }) => name },
  {
    id: 'valLoss',
    label: 'Validation loss',
    value: (run) => figuresOf(run).valLoss,
    text: (run) => loss(figuresOf(run).valLoss),
  },
  {
    id: 'mode',
    label: 'Precision',
    words: true,
    value: ({ config }) => config.precision,
    text: ({ config }) => modeTitle(config.precision),
  },
  {
    id: 'tokensPerSec',
    label: 'Tokens/s',
    value: (run) => figuresOf(run).tokensPerSec,
    text: (run) => {
      const { tokensPerSec } = figuresOf(run);
      return tokensPerSec === null ? NONE : formatTokensPerSecond(tokensPerSec);
    },
  },
  {
    id: 'memory',
    label: 'GPU memory',
    value: (run) => figuresOf(run).memoryBytes,
    text: (run) => formatMiB(figuresOf(run).memoryBytes),
  },
  {
    id: 'skipped',
    label: 'Skipped',
    value: (run) => figuresOf(run).skipped,
    text: (run) => formatCount(figuresOf(run).skipped),
  },
  {
    id: 'steps',
    label: 'Steps',
    value: (run) => figuresOf(run).steps,
    text: (run) => formatCount(figuresOf(run).steps),
  },
  {
    id: 'trainLoss',
    label: 'Training loss',
    value: (run) => figuresOf(run).trainLoss,
    text: (run) => loss(figuresOf(run).trainLoss),
  },
  {
    id: 'preset',
    label: 'Preset',
    words: true,
    value: ({ preset }) => preset,
    text: ({ preset }) => presetTitle(preset),
  },
  {
    id: 'time',
    label: 'Ended',
    words: true,
    value: ({ time }) => time,
    text: ({ time }) => date.format(time),
  },
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
