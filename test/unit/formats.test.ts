/** Tests the cells of `npm run formats`, their file and the tables that are made of them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { allCells, cellName, chosenCells, GROUPS, optionsOf } from '../../scripts/formats/cells.mjs';
import { tablesOfDocuments } from '../../scripts/formats/documents.mjs';
import { addResult, checkText, readResults, recordOf } from '../../scripts/formats/results.mjs';
import { speedTable } from '../../scripts/formats/speeds.mjs';
import {
  differenceText,
  lossText,
  markdownOf,
  tablesOf,
  titleOf,
  withTable,
} from '../../scripts/formats/tables.mjs';
import { parseCommand } from '../../src/cli/options.ts';
import { PRECISION_MODES } from '../../src/engine/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'formats-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the cells', () => {
  test('are runs that the command line accepts', () => {
    for (const cell of allCells())
      expect(() => parseCommand([...optionsOf(cell), '--data', 'text.txt']), cellName(cell)).not.toThrow();
  });

  test('have every mode of the product', () => {
    const trained = new Set(GROUPS.modes.arms);
    expect(PRECISION_MODES.filter((mode) => !trained.has(mode))).toEqual([]);
  });

  test('are trained once, though several groups have them', () => {
    const names = allCells().map(cellName);
    expect(new Set(names).size).toBe(names.length);
    const fp32 = allCells().find((cell) => cellName(cell) === 'a/fp32/1337')!;
    expect(fp32.groups).toEqual(expect.arrayContaining(['int8', 'blocks', 'modes']));
  });

  test('are chosen by group or by name, and a word that fits none is refused', () => {
    expect(chosenCells(undefined).length).toBe(allCells().length);
    expect(chosenCells('int8-all').map(cellName)).toEqual([
      'a100/fp32/1337',
      'a100/int8/1337',
      'a100/int8-all/1337',
    ]);
    const arms = chosenCells('a/nvfp4+*').map(({ arm }) => arm);
    expect(arms).toContain('nvfp4+fp4-sr=off');
    expect(arms).not.toContain('nvfp4');
    expect(() => chosenCells('int8,int9')).toThrow(/"int9"/);
  });
});

const summary = {
  type: 'summary',
  ...{ adapter: 'one', valLoss: 2.5, finalLoss: 2.4, steps: 20, skippedSteps: 0, lossScale: 1 },
  tokensPerSec: 10.4,
};
const steps = Array.from({ length: 20 }, (_, i) => ({ type: 'step', step: i + 1, loss: 20 - i }));

describe('the record of a run', () => {
  test('has the losses of its parts, and none that is not finite', () => {
    expect(recordOf([...steps, summary])).toMatchObject({
      ...{ adapter: 'one', loss: 2.5, tokensPerSec: 10 },
      parts: [19.5, 17.5, 15.5, 13.5, 11.5, 9.5, 7.5, 5.5, 3.5, 1.5],
    });
    const broken = steps.map((step) => (step.step === 20 ? { ...step, loss: null } : step));
    expect(recordOf([...broken, summary])!.parts).toEqual([
      19.5,
      17.5,
      15.5,
      13.5,
      11.5,
      9.5,
      7.5,
      5.5,
      3.5,
      null,
    ]);
  });

  test('has the losses of evaluations where there is more than the last', () => {
    const evaluations = [10, 20].map((step) => ({ type: 'eval', step, valLoss: 3 - step / 40 }));
    expect(recordOf([...steps, ...evaluations, summary])!.evaluations).toEqual([
      { step: 10, loss: 2.75 },
      { step: 20, loss: 2.5 },
    ]);
    expect(recordOf([...steps, evaluations[1]!, summary])).not.toHaveProperty('evaluations');
  });

  test('is none where the run was interrupted', () => {
    expect(recordOf(steps)).toBeNull();
  });

  test('has the first step of each stage of a schedule', () => {
    const staged = steps.map((step) => ({ ...step, stage: step.step < 6 ? 'i3g6' : 'i8g8' }));
    expect(recordOf([...staged, summary])!.stages).toEqual([{ step: 6, stage: 'i8g8' }]);
  });
});

describe('the file of results', () => {
  const cell = (arm: string) => ({ bench: 'a', arm, seed: 1, loss: 2 });

  test('keeps what it has when a cell is added', () => {
    const path = join(folder, 'results.json');
    expect(readResults(path).size).toBe(0);
    addResult(path, cell('fp32'));
    addResult(path, cell('fp16'));
    expect([...readResults(path).values()]).toEqual([cell('fp32'), cell('fp16')]);
  });

  test('is refused when it is something else', () => {
    const path = join(folder, 'other.json');
    writeFileSync(path, '{"cells": []}');
    expect(() => readResults(path)).toThrow(/other\.json" is not a file of results/);
  });

  test('is refused for another text than that of its cells', () => {
    const cells = new Map<string, object>([
      ['a/fp32/1', { ...cell('fp32'), text: 'one' }],
      ['a/fp16/1', cell('fp16')],
    ]);
    expect(() => checkText(cells, 'one', 'results.json')).not.toThrow();
    expect(() => checkText(cells, 'two', 'results.json')).toThrow(
      /cells of another text \(one, and this one is two\)/,
    );
  });
});

describe('the tables', () => {
  const run = (seed: number, loss: number | null, other = {}) => ({ seed, loss, skippedSteps: 0, ...other });

  test('compare arms by seed', () => {
    const reference = [run(1, 2.3), run(2, 2.2), run(3, 2.5)];
    expect(differenceText([run(1, 2.301), run(2, 2.1995)], reference)).toBe('-0.0005 to +0.0010');
    expect(differenceText([run(1, 2.300_01)], reference)).toBe('0.0000');
    expect(differenceText([run(4, 2.3)], reference)).toBe('');
    expect(differenceText([run(1, null)], reference)).toBe('');
  });

  test('say what is missing, skipped and stopped', () => {
    expect(lossText([], 3)).toBe('not trained yet');
    expect(lossText([run(1, 2.3), run(2, 2.4)], 3)).toBe('2.3500 (2 of 3)');
    expect(lossText([run(1, 2.3, { skippedSteps: 4 })], 1)).toBe('2.3000 (4 skipped)');
    expect(lossText([run(1, null, { stopped: 'error: skips', steps: 39 })], 1)).toBe('stops at step 39');
  });

  test('name arms as the command line does', () => {
    expect(titleOf('nvfp4+fp4-rht=off+qk-norm')).toBe('nvfp4 --fp4-rht off --qk-norm');
  });

  test('are written in place of those with the same first column, and nowhere else', () => {
    const table = { file: 'a.md', columns: ['mode', 'loss'], rows: [['fp32', '2']] };
    const before = 'Text.\n\n| mode | old |\n| --- | --- |\n| x | 1 |\n| y | 1 |\n\n| model | kept |\n';
    expect(withTable(before, table)).toBe(
      'Text.\n\n| mode | loss |\n| --- | --- |\n| fp32 | 2 |\n\n| model | kept |\n',
    );
    expect(() => withTable('Text.', table)).toThrow(/a\.md has 0 tables/);
  });

  test('have the losses of each seed by step', () => {
    const { bench, arms } = GROUPS.muon;
    const cells = arms.flatMap((arm, which) =>
      [1, 2].map((seed) => ({
        ...{ bench, arm, ...run(seed, 2) },
        evaluations: [100, 200].map((step) => ({ step, loss: seed - which / 10 - step / 1000 })),
      })),
    );
    const table = tablesOf(new Map(cells.map((cell) => [cellName(cell), cell]))).find(
      ({ columns }) => columns[0] === GROUPS.muon.title,
    )!;
    expect(table.rows).toEqual([
      ['100', '0.900, 1.900', '1.400', '0.800, 1.800', '1.300'],
      ['200', '0.800, 1.800', '1.300', '0.700, 1.700', '1.200'],
    ]);
  });

  test('in one file say where they were measured', () => {
    const cell = { bench: 'a', arm: 'fp32', ...run(1337, 2.3), adapter: 'one', date: 'today', commit: 'abc' };
    const text = markdownOf(new Map([[cellName(cell), cell]]));
    expect(text).toContain('Measured on one (today; commits abc).');
    expect(text).toContain('| `fp32` | 2.3000 |');
  });

  test('have the speed of each mode that ended its run', () => {
    const run = {
      msPerStep: 100,
      pairs: [
        [90, 100],
        [125, 80],
        [160, 130],
      ],
      memoryBytes: 2 ** 20,
      interval: [0.98, 1.02],
    };
    const turns = {
      'a fp32': { ...run, tokensPerSec: 5000, faster: 1.001 },
      'a fp16-pure': null,
      'a fp16': { ...run, tokensPerSec: 7500, faster: 1.5 },
    };
    expect(speedTable({ turns }).rows).toEqual([
      ['`fp32`', '5,000', '4,000', '1.00', '0.98 to 1.02', '1.0'],
      ['`fp16`', '7,500', '6,000', '1.50', '0.98 to 1.02', '1.0'],
    ]);
    expect(() => speedTable({ turns: { 'a fp16': turns['a fp16'] } })).toThrow(/in turns with fp32/);
  });

  test('of docs/ are those of the results', () => {
    const results = readResults(join(ROOT, 'bench/results/formats.json'));
    for (const table of tablesOfDocuments(ROOT, results)) {
      const document = readFileSync(join(ROOT, table.file), 'utf8');
      expect(withTable(document, table), `npm run formats -- --tables writes ${table.file}`).toBe(document);
    }
  });
});
