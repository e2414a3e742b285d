/** Tests the runs with which `npm run same-bits` compares two checkouts. */
import { expect, test } from 'vitest';
import { commandOf, differingOptions, optionsMissingIn } from '../../scripts/same-bits/cases.mjs';
import { helpText } from '../../src/cli/help.ts';
import { parseCommand } from '../../src/cli/options.ts';

const rows: string[][] = differingOptions();

test('the command line accepts every run of the cover', () => {
  for (const row of rows) {
    const [, ...args] = commandOf(row, helpText());
    expect(() => parseCommand(args), row.join(' ')).not.toThrow();
  }
});

test('every option of the cover exists on the command line', () => {
  expect(optionsMissingIn(helpText())).toEqual([]);
});

test('an option has the name that the checkout lists', () => {
  const row = ['--precision', 'fp8', '--scale-margin', '1'];
  expect(commandOf(row, helpText())).toContain('--scale-margin');
  const old = helpText().replaceAll('--scale-margin', '--fp8-margin');
  expect(commandOf(row, old)).toContain('--fp8-margin');
  expect(optionsMissingIn(old)).toEqual([]);
});

test.each([
  ['--norm', 'rmsnorm'],
  ['--mlp', 'relu2'],
  ['--micro-batch', '2'],
])('%s %s occurs with every precision mode', (option, value) => {
  const modesOf = (some: readonly string[][]) =>
    new Set(some.map((row) => row[row.indexOf('--precision') + 1]));
  const withIt = rows.filter((row) => row[row.indexOf(option) + 1] === value && row.includes(option));
  expect([...modesOf(withIt)].sort()).toEqual([...modesOf(rows)].sort());
});

test('an option that the old checkout does not list keeps its default, even if another name contains it', () => {
  const help = helpText()
    .replace(/^ *--norm\b.*$/m, '')
    .replace(/^ *--mlp\b.*$/m, '');
  const leftOut = optionsMissingIn(help);
  expect(leftOut).toEqual(['norm', 'mlp']);
  const without: string[][] = differingOptions(leftOut);
  expect(without.flat().filter((word) => word === '--norm' || word === '--mlp')).toEqual([]);
  expect(without.length).toBeGreaterThan(50);
  // Names that it does not list are not varied, and the others are.
  const olderHelp = helpText().replaceAll(/\b(swiglu|geglu)\b/g, '');
  const older = differingOptions(optionsMissingIn(olderHelp), olderHelp).flat();
  expect(older).toContain('relu2');
  expect(older).not.toContain('swiglu');
  expect(differingOptions([], helpText()).flat()).toContain('swiglu');
  // `--accum` is listed where `--accumulate` is not.
  expect(optionsMissingIn('--accumulate N')).toContain('accum');
});
