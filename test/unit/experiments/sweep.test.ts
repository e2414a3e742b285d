import { describe, expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import {
  cellOf,
  failureOf,
  grownGrid,
  joinedCells,
  missingRuns,
  placeOf,
  type Sweep,
  type SweepCell,
  samePlace,
  settingsDifferences,
  sweepGrid,
  sweepPlan,
  sweepSettings,
} from '../../../src/engine/experiments/sweep.ts';
import { readSweep, writeSweep } from '../../../src/engine/experiments/sweepFile.ts';
import {
  rateName,
  rateText,
  sweepCsv,
  sweepMarkdown,
  sweepProgress,
  sweepRows,
} from '../../../src/engine/experiments/sweepTable.ts';
import { thrownBy } from '../thrownBy.ts';

const { config: preset } = PRESETS.smoke;
const TEXT = { name: 'A text', checksum: '0123456789abcdef' };
const GRID = sweepGrid(['fp32', 'fp16'], [3e-3, 1e-3], 2, 7);
const PLAN = sweepPlan(preset, { steps: 40 }, GRID);
const SETTINGS = sweepSettings(preset, { steps: 40 }, PLAN, TEXT, 'a GPU');

/** A cell of the grid with this loss; null for one that is not finite. */
function cell(mode: 'fp32' | 'fp16', learningRate: number, seed: number, loss: number | null): SweepCell {
  const run = PLAN.find((one) => samePlace(placeOf(one), { mode, learningRate, seed }))!;
  const result = { loss, stopped: null, steps: 40, skippedSteps: 1, tokensPerSec: 100, seconds: 2 };
  return cellOf(run, result);
}

const sweep = (cells: readonly SweepCell[]): Sweep => ({ settings: SETTINGS, grid: GRID, cells });

describe('the plan', () => {
  test('is seed by seed, by rising rate, with the modes side by side; only the last step is evaluated', () => {
    expect(PLAN.map(placeOf).map((place) => [place.mode, place.learningRate, place.seed])).toEqual([
      ['fp32', 1e-3, 7],
      ['fp16', 1e-3, 7],
      ['fp32', 3e-3, 7],
      ['fp16', 3e-3, 7],
      ['fp32', 1e-3, 8],
      ['fp16', 1e-3, 8],
      ['fp32', 3e-3, 8],
      ['fp16', 3e-3, 8],
    ]);
    expect(PLAN[2]!.config).toMatchObject({
      minLearningRate: 3e-3 / 10,
      evalEvery: 0,
      sampleLength: 0,
      steps: 40,
    });
    expect(sweepPlan(preset, { evalEvery: 5 }, GRID)[0]!.config.evalEvery).toBe(5);
    const [fp32, fp16] = sweepPlan(preset, { lossScale: 1024 }, GRID);
    expect([fp32!.config.lossScale, fp16!.config.lossScale]).toEqual([null, 1024]);
  });

  test.each([
    [['fp32'], [], 1, 'has no learning rate'],
    [[], [1e-3], 1, 'has no mode'],
    [['fp32'], [1e-3], 0, 'seeds is 0'],
    [['fp32'], [1e-3], 1.5, 'seeds is 1.5'],
    [['fp32'], [1e-3, 0.001], 1, 'learning rate 0.001 was given twice'],
    [['fp32', 'fp32'], [1e-3], 1, 'mode fp32 was given twice'],
    [['fp33'], [1e-3], 1, '"fp33"'],
    [['fp32'], [-1], 1, 'lr is -1'],
    [['fp32'], [Number.NaN], 1, 'lr is NaN'],
  ])('refuses %j at %j from %d seeds by name', (modes, rates, seeds, message) => {
    const error = thrownBy(() => sweepGrid(modes, rates, seeds, 1));
    expect(error.isUsage).toBe(true);
    expect(error.message).toContain(message);
    expect(error.hint).not.toBe('');
  });

  test('lists the missing cells, wherever they are in the grid', () => {
    const cells = [cell('fp16', 1e-3, 7, 3), cell('fp32', 3e-3, 8, null)];
    expect(missingRuns(PLAN, cells)).toEqual(PLAN.filter((_, i) => i !== 1 && i !== 6));
  });

  test('grows: the union of both grids, each cell once', () => {
    const grown = grownGrid(GRID, sweepGrid(['bf16', 'fp32'], [1e-2, 1e-3], 3, 7));
    expect(grown).toEqual({
      modes: ['fp32', 'fp16', 'bf16'],
      learningRates: [1e-3, 3e-3, 1e-2],
      seeds: [7, 8, 9],
    });
    const first = cell('fp32', 1e-3, 7, 3);
    expect(joinedCells([first], [{ ...first, loss: 9 }, cell('fp16', 1e-3, 7, 2)])).toEqual([
      first,
      cell('fp16', 1e-3, 7, 2),
    ]);
  });
});

describe('settings', () => {
  test('have no mode, rate or seed, so that other grids continue the same sweep', () => {
    const other = sweepGrid(['bf16'], [1e-2], 1, 99);
    const planned = sweepPlan(preset, { steps: 40 }, other);
    expect(sweepSettings(preset, { steps: 40 }, planned, TEXT, 'a GPU')).toEqual(SETTINGS);
  });

  test('have every setting that was given, even if the first mode does not take it', () => {
    const given = { lossScale: 1024, rounding: 'rne' } as const;
    const grid = sweepGrid(['fp32', 'fp16', 'e5m2'], [1e-3], 1, 7);
    expect(sweepSettings(preset, given, sweepPlan(preset, given, grid), TEXT, 'a GPU')).toMatchObject(given);
  });

  test('are the same whether the first mode is a variant or not', () => {
    const grid = sweepGrid(['fp16+optim-state=fp8', 'fp16'], [1e-3], 1, 7);
    expect(grid.modes).toEqual(['fp16+optim-state=fp8', 'fp16']);
    const planned = sweepPlan(preset, { steps: 40 }, grid);
    expect(planned.map(({ config }) => config.optimState)).toEqual(['fp8', 'f32']);
    expect(sweepSettings(preset, { steps: 40 }, planned, TEXT, 'a GPU')).toEqual(SETTINGS);
  });

  test('missing from an older sweep count as not given', () => {
    const { optimState: _, quantizeHead: __, norm, mlp, ...older } = SETTINGS;
    expect([norm, mlp]).toEqual(['layernorm', 'gelu']);
    expect(settingsDifferences(older, SETTINGS)).toEqual([]);
    expect(settingsDifferences(older, { ...SETTINGS, quantizeHead: true })).toEqual([
      'quantizeHead was false and is now true',
    ]);
    expect(settingsDifferences(older, { ...SETTINGS, norm: 'rmsnorm' })).toEqual([
      'norm was layernorm and is now rmsnorm',
    ]);
  });

  test('that differ are named with both values', () => {
    const given = { steps: 41, minLearningRate: 1e-4 };
    const now = sweepSettings(preset, given, sweepPlan(preset, given, GRID), TEXT, 'another');
    expect(settingsDifferences(SETTINGS, now)).toEqual([
      'steps was 40 and is now 41',
      'minLearningRate was none and is now 0.0001',
      'adapter was a GPU and is now another',
    ]);
    expect(settingsDifferences(SETTINGS, { ...SETTINGS })).toEqual([]);
    // Cells of a text that an earlier version has cut into other tokens.
    const read = sweepSettings(preset, { steps: 40 }, PLAN, { ...TEXT, changedTokens: 'f00d' }, 'a GPU');
    expect(settingsDifferences(SETTINGS, read)).toEqual(['textTokens was none and is now f00d']);
    expect(settingsDifferences(read, read)).toEqual([]);
  });
});

describe('a cell does not count', () => {
  test('if its loss is not finite, or is more than 1.0 nats above the best cell, which is no divergence', () => {
    expect(failureOf(cell('fp32', 1e-3, 7, null), 2)).toBe('diverged');
    expect(failureOf(cell('fp32', 1e-3, 7, 3), 2)).toBeNull();
    expect(failureOf(cell('fp32', 1e-3, 7, 3.01), 2)).toBe('far above the best');
  });

  test('if its mode gave up, whatever its last loss was', () => {
    const result = { loss: 2, steps: 12, skippedSteps: 10, tokensPerSec: null, seconds: 1 };
    expect(cellOf(PLAN[0]!, { ...result, stopped: 'TOO_MANY_SKIPS' }).loss).toBeNull();
    expect(cellOf(PLAN[0]!, { ...result, stopped: null }).loss).toBe(2);
  });
});

describe('the table', () => {
  const CELLS = [
    cell('fp32', 1e-3, 7, 2.5),
    cell('fp32', 1e-3, 8, 2.7),
    cell('fp16', 1e-3, 7, 2.4), // the best cell: what is above 3.4 does not count
    cell('fp16', 1e-3, 8, 3.5),
    cell('fp32', 3e-3, 7, null),
  ];

  test('has the mean of the cells that count, and the number of the others', () => {
    const texts = sweepRows(sweep(CELLS)).map(({ results }) => results.map(rateText));
    expect(texts).toEqual([
      ['2.600 (0/2)', 'diverged (1/1)'],
      ['2.400 (1/2)', '–'],
    ]);
    const unlearned = [cell('fp32', 1e-3, 7, 2.5), cell('fp32', 3e-3, 7, 4.1), cell('fp32', 3e-3, 8, null)];
    const [fp32] = sweepRows(sweep(unlearned));
    expect(rateText(fp32!.results[1]!)).toBe('far above the best or diverged (2/2)');
  });

  test('calls best the lowest mean of which every seed counts', () => {
    const best = (cells: SweepCell[]) =>
      sweepRows(sweep(cells)).map(({ results }) => results.map((result) => result.best));
    expect(best(CELLS)).toEqual([
      [true, false],
      [false, false],
    ]);
    expect(best([cell('fp32', 1e-3, 7, 2.5), cell('fp16', 1e-3, 7, 2.5004)])).toEqual([
      [true, false], // both read 2.500
      [true, false],
    ]);
    expect(best([])).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  test('goes into Markdown and CSV', () => {
    const markdown = sweepMarkdown(sweep(CELLS));
    expect(markdown).toContain('| mode | lr 1e-3 | lr 3e-3 |\n| --- | ---: | ---: |\n');
    expect(markdown).toContain('| FP32 | 2.600 (0/2) (best) | diverged (1/1) |');
    expect(markdown).toContain('40 steps on A text, seeds 7, 8, a GPU. 5 of 8 cells are finished.');
    const lines = sweepCsv(sweep(CELLS)).split('\r\n');
    expect(lines[1]).toBe('fp32,0.001,7,2.5,,,40,1,100,2');
    expect(lines[5]).toBe('fp32,0.003,7,,diverged,,40,1,100,2');
    expect(sweepProgress(sweep([]))).toBe('0 of 8 cells are finished.');
  });

  test.each([
    [{}, 'context 32, batch'],
    [{ norm: undefined, mlp: undefined }, 'context 32, batch'],
    [{ norm: 'rmsnorm', mlp: 'relu2' }, 'context 32, RMSNorm, ReLU², batch'],
    [{ mlp: 'relu2' }, 'context 32, ReLU², batch'],
    [{ norm: 'of-a-later-version' }, 'context 32, norm of-a-later-version, batch'],
  ])('Markdown names the kinds of the model that are not GPT-2’s: %j', (kinds, said) => {
    const settings = JSON.parse(JSON.stringify({ ...SETTINGS, context: 32, ...kinds }));
    expect(sweepMarkdown({ ...sweep(CELLS), settings })).toContain(said);
  });

  test.each([
    [3e-4, '3e-4'],
    [1.5e-3, '1.5e-3'],
    [1e-2, '1e-2'],
    [2, '2e0'],
    [0, '0'],
  ])('writes %d as people do', (rate, name) => expect(rateName(rate)).toBe(name));
});

describe('the file', () => {
  const file = () => writeSweep(sweep([cell('fp32', 1e-3, 7, 2.5), cell('fp16', 1e-3, 7, null)]));

  test('is read as it was written', () => {
    expect(readSweep(file(), 'f')).toEqual(sweep([cell('fp32', 1e-3, 7, 2.5), cell('fp16', 1e-3, 7, null)]));
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, -20), 'damaged: its'],
    ['a changed loss', (text: string) => text.replace('2.5', '2.4'), 'its grid or cells were edited'],
    [
      'a changed setting',
      (text: string) => text.replace('"steps": 40', '"steps": 41'),
      'settings were edited',
    ],
    ['a figure that is none', (text: string) => text.replace('2.5', '"2.5"'), 'cells.0.loss'],
    ['a later version', (text: string) => text.replace('"version": 1', '"version": 2'), 'version'],
    ['something else', () => '{"runs":[]}', 'is not a sweep'],
    ['no object', () => 'null', 'is not a sweep'],
    ['empty', () => '', 'damaged: its 0 characters'],
  ])('with %s is refused by name', (_, change, message) => {
    const error = thrownBy(() => readSweep(change(file()), 'a/file.json'));
    expect(error.message).toContain('a/file.json');
    expect(error.message).toContain(message);
    expect(error.hint).toContain('not changed');
  });
});
