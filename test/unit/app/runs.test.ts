import { expect, test } from 'vitest';
import { COLUMNS, sortRuns } from '../../../src/app/features/runs/columns.ts';
import { differencesOf } from '../../../src/app/features/runs/differences.ts';
import { tableAsCsv, tableAsMarkdown } from '../../../src/app/features/runs/exportTable.ts';
import { filteredRuns } from '../../../src/app/features/runs/filter.ts';
import { groupsOf } from '../../../src/app/features/runs/groups.ts';
import { changeSentence, importSentence } from '../../../src/app/features/runs/messages.ts';
import { useRunsView } from '../../../src/app/features/runs/view.ts';
import { settingsOf } from '../../../src/store/history/settingsOf.ts';
import { firstConfig } from '../../../src/store/settings.ts';
import { record } from '../store/history/fixtures.ts';

const { config, summary } = record();
const first = record({ id: 'first', name: 'first', time: 1 });
const second = record({
  id: 'second',
  name: 'second',
  time: 2,
  config: { ...config, precision: 'fp32', seed: 7 },
  summary: { ...summary!, valLoss: 3, skippedSteps: 2 },
});
const other = record({ id: 'other', name: 'other', time: 3, preset: 'starter' });
const failed = record({ id: 'failed', name: 'failed', time: 4, summary: null, evals: [], outcome: 'failed' });
const runs = [failed, other, second, first];

test('changes are given relative to the previous run of the same preset', () => {
  expect(changeSentence(first, runs)).toBe('First run of Smoke');
  expect(changeSentence(second, runs)).toBe('precision Mixed f16 → FP32, seed 1337 → 7 since first');
  expect(changeSentence(other, runs)).toBe('First run of Starter');
  expect(changeSentence(failed, runs)).toBe('precision FP32 → Mixed f16, seed 7 → 1337 since second');
  const again = record({ id: 'again', name: 'again', time: 5 });
  expect(changeSentence(again, [...runs, again])).toBe('Same settings as failed');
  const much = record({
    time: 6,
    config: { ...config, layers: 3, heads: 3, width: 96, lossScale: 4096, clip: 0 },
  });
  expect(changeSentence(much, runs)).toBe('layers 2 → 3, heads 2 → 3, width 64 → 96 and 2 more since failed');
});

test('neighbours of one press of Train form a group, and others none', () => {
  const run = (id: string, start: string) => record({ id, start });
  const sorted = [run('a', 'x'), run('b', 'x'), run('c', 'y'), run('d', 'z'), run('e', 'z'), run('f', 'x')];
  const groups = [...groupsOf(sorted)].map(([id, members]) => [id, members.map((member) => member.id)]);
  expect(groups).toEqual([
    ['a', ['a', 'b']],
    ['d', ['d', 'e']],
  ]);
  expect(groupsOf([]).size).toBe(0);
});

test('every column sorts in both directions, and runs without a value come last', () => {
  for (const { id, value } of COLUMNS) {
    for (const descending of [false, true]) {
      const values = sortRuns(runs, { column: id, descending }).map(value);
      const present = values.filter((each) => each !== null);
      const sorted = [...present].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      expect(values.slice(0, present.length), id).toEqual(descending ? sorted.reverse() : sorted);
    }
  }
  expect(sortRuns(runs, { column: 'valLoss', descending: true }).at(-1)).toBe(failed);
});

test('only differences are listed', () => {
  const { settings, results } = differencesOf([first, second]);
  expect(settings).toEqual([
    { name: 'precision', cells: ['Mixed f16', 'FP32'] },
    { name: 'seed', cells: ['1337', '7'] },
  ]);
  expect(results).toEqual([
    { name: 'Validation loss', cells: ['3.250', '3.000'] },
    { name: 'Skipped', cells: ['0', '2'] },
  ]);
  expect(differencesOf([first, first])).toEqual({ settings: [], results: [] });
});

test('CSV has plain numbers and no cell that a spreadsheet would run as a formula', () => {
  const hostile = record({ name: '=HYPERLINK("http://x","y")', time: 0 });
  const [header, row] = tableAsCsv([hostile]).split('\r\n');
  expect(header).toBe(COLUMNS.map(({ label }) => label).join(','));
  expect(row).toContain(`"'=HYPERLINK(""http://x"",""y"")"`);
  expect(row).toContain(',3.25,');
  expect(row).toContain('1970-01-01T00:00:00.000Z');
});

test('Markdown has a row for each run, and names cannot break out of their cells', () => {
  const lines = tableAsMarkdown([record({ name: 'a | b\n<img>' }), second])
    .trim()
    .split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[2]).toContain('| a \\| b \\<img\\> |');
  const cells = (line: string) => line.replaceAll('\\|', '').split('|').length;
  expect(new Set(lines.map(cells)).size).toBe(1);
});

test('at most six runs are drawn together', () => {
  const { choose } = useRunsView.getState();
  for (let i = 0; i < 8; i++) choose(String(i), true);
  expect(useRunsView.getState().chosen).toEqual(['0', '1', '2', '3', '4', '5']);
  choose('0', false);
  choose('7', true);
  expect(useRunsView.getState().chosen).toEqual(['1', '2', '3', '4', '5', '7']);
});

test.each([
  [0, 0, 'The bundle holds no runs.'],
  [0, 1, 'Nothing to import: 1 run of the file is here already.'],
  [1, 1, '1 run imported.'],
  [2, 5, '2 runs imported. 3 runs were here already.'],
])('an import of %i of %i runs is reported', (added, inFile, sentence) =>
  expect(importSentence(added, inFile)).toBe(sentence),
);

test('the filter keeps the runs that have every word, in whatever order and case', () => {
  const named = (filter: string, starredOnly = false) =>
    filteredRuns([...runs, record({ id: 'star', name: 'star', starred: true, note: 'a keeper' })], {
      filter,
      starredOnly,
    }).map(({ name }) => name);
  expect(named('')).toEqual(['failed', 'other', 'second', 'first', 'star']);
  expect(named('FP32')).toEqual(['second']);
  expect(named('starter moby')).toEqual(['other']);
  expect(named('moby  FAILED')).toEqual(['failed']);
  expect(named('keep')).toEqual(['star']);
  expect(named('', true)).toEqual(['star']);
  expect(named('first', true)).toEqual([]);
});

test('the settings of a run train it again: what differs from its preset and mode, and no more', () => {
  const changed = record({ config: { ...config, steps: 77, learningRate: 0.01, lossScale: 4096, seed: 7 } });
  const { settings, ownText } = settingsOf(changed);
  expect(ownText).toBeNull();
  expect(firstConfig(settings)).toEqual(changed.config);
  const given = Object.entries(settings).filter(([, value]) => value !== null);
  expect(Object.fromEntries(given)).toEqual({
    preset: 'smoke',
    modes: ['fp16'],
    schedule: 'sequential',
    seeds: 1,
    text: 'moby-dick',
    steps: 77,
    lr: 0.01,
    seed: 7,
    'loss-scale': 4096,
    'min-lr': 0.0001,
    warmup: 20,
  });

  const variant = record({ variant: 'fp16+optim-state=fp8', config: { ...config, optimState: 'fp8' } });
  expect(settingsOf(variant).settings).toMatchObject({
    modes: ['fp16+optim-state=fp8'],
    'optim-state': null,
  });
  const own = record({ facts: { ...variant.facts, text: { ...variant.facts.text, name: 'mine.txt' } } });
  expect(settingsOf(own)).toMatchObject({ settings: { text: 'own' }, ownText: 'mine.txt' });
});
