/** A sweep trains every mode at every learning rate with every seed, one cell each. The page and the terminal share this. */

import type { Overrides } from '../config/configure.ts';
import { DEFAULTS, isField } from '../config/settings/table.ts';
import { checkSetting } from '../config/settings/values.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { comparedRuns, type PlannedRun } from './planned.ts';
import { currentVariant, readVariant, VARIANT_SETTINGS, type VariantId } from './variants.ts';

export interface SweepGrid {
  readonly modes: readonly VariantId[];
  readonly learningRates: readonly number[];
  readonly seeds: readonly number[];
}

/** The position of a cell in the grid. */
export interface CellPlace {
  readonly mode: VariantId;
  readonly learningRate: number;
  readonly seed: number;
}

export interface CellResult {
  /** Validation loss after the last step in nats; null when it is not finite. */
  readonly loss: number | null;
  /** Code of the error with which the mode ended the run early; null when it did not. */
  readonly stopped: string | null;
  readonly steps: number;
  readonly skippedSteps: number;
  readonly tokensPerSec: number | null;
  /** Wall time of the whole cell: compilation, training and evaluation. */
  readonly seconds: number;
}

/** A finished run of a sweep. */
export interface SweepCell extends CellPlace, CellResult {}

/** The settings that all cells of a sweep share, by name. Sweeps with equal settings can be resumed and extended. */
export type SweepSettings = Readonly<Record<string, string | number | boolean | null>>;

/** A sweep: its settings, its grid and the finished cells. */
export interface Sweep {
  readonly settings: SweepSettings;
  readonly grid: SweepGrid;
  readonly cells: readonly SweepCell[];
}

/** A cell whose final loss is this many nats or less above the best cell of the sweep counts in the mean of its seeds. */
export const FAR_NATS = 1;

/** Why a cell does not count. A finite loss far above the best may be of a rate that is too high, or only too low. */
export type CellFailure = 'diverged' | 'far above the best';

/**
 * Makes a grid and checks each of its values.
 * @param seeds number of consecutive seeds from `firstSeed` on
 * @throws EngineError BAD_VALUE or UNKNOWN_MODE naming what is empty, given twice or out of range
 */
export function sweepGrid(
  modes: readonly string[],
  learningRates: readonly number[],
  seeds: number,
  firstSeed: number,
): SweepGrid {
  if (learningRates.length === 0) {
    throw new EngineError(
      'BAD_VALUE',
      'The sweep has no learning rate.',
      'Give one or more, separated by commas: 3e-4,1e-3,3e-3.',
    );
  }
  if (modes.length === 0) {
    throw new EngineError('BAD_VALUE', 'The sweep has no mode.', 'Give one or more modes.');
  }
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > MAX_SEEDS) {
    throw new EngineError(
      'BAD_VALUE',
      `seeds is ${seeds}.`,
      `It must be a whole number from 1 to ${MAX_SEEDS}.`,
    );
  }
  for (const rate of learningRates) checkSetting('learningRate', rate);
  const ids = modes.map(readVariant);
  checkDistinct('learning rate', learningRates);
  checkDistinct('mode', ids);
  return {
    modes: ids,
    learningRates: [...learningRates].sort((a, b) => a - b),
    seeds: Array.from({ length: seeds }, (_, i) => firstSeed + i),
  };
}

const MAX_SEEDS = 100;

/** @throws EngineError BAD_VALUE naming a value that is given twice */
export function checkDistinct(what: string, values: readonly (string | number)[]): void {
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice === undefined) return;
  throw new EngineError('BAD_VALUE', `The ${what} ${twice} was given twice.`, 'Leave one of them out.');
}

/**
 * Plans one run for each cell in training order: seed by seed, so that the whole grid has results early. Only the last
 * step is evaluated unless evaluations are asked for, and no samples are written.
 * @throws EngineError when the values do not fit together
 */
export function sweepPlan(preset: TrainConfig, given: Overrides, grid: SweepGrid): PlannedRun[] {
  const { modes, learningRates, seeds } = grid;
  return seeds.flatMap((seed) =>
    learningRates.flatMap((learningRate) =>
      comparedRuns(preset, { evalEvery: 0, ...given, sampleLength: 0, learningRate, seed }, modes, 1),
    ),
  );
}

/**
 * Returns the settings that all cells share. Given values are taken as they are rather than from the first cell, whose
 * mode may not take them or may have its own.
 * @param text its name and checksum, and `changedTokens`
 * @param adapter its name, because cells of different adapters are not comparable bit for bit
 */
export function sweepSettings(
  preset: TrainConfig,
  given: Overrides,
  runs: readonly PlannedRun[],
  text: { readonly name: string; readonly checksum: string; readonly changedTokens?: string | undefined },
  adapter: string,
): SweepSettings {
  const [first] = runs;
  if (!first) throw new Error('The sweep has no cells');
  const fields = VARIANT_SETTINGS.map((field) => [field, preset[field]]);
  // The grid decides the first four, so they are no settings. The minimum learning rate follows from the learning rate.
  const { precision, learningRate, seed, sampleLength, ...shared } = {
    ...first.config,
    ...Object.fromEntries(fields),
    minLearningRate: null,
    ...given,
  };
  const { name, checksum, changedTokens } = text;
  return {
    ...shared,
    text: name,
    textChecksum: checksum,
    ...(changedTokens && { textTokens: changedTokens }),
    adapter,
  };
}

/** Describes each setting that differs. A setting that is newer than a sweep has its default there. */
export function settingsDifferences(before: SweepSettings, now: SweepSettings): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const valueIn = (settings: SweepSettings, name: string) =>
    Object.hasOwn(settings, name) ? settings[name]! : isField(name) ? DEFAULTS[name] : null;
  const word = (value: SweepSettings[string]) => String(value ?? 'none');
  return names
    .filter((name) => valueIn(before, name) !== valueIn(now, name))
    .map((name) => `${name} was ${word(valueIn(before, name))} and is now ${word(valueIn(now, name))}`);
}

/** The grid of a sweep that an earlier version stored, under the names that settings have. */
export function currentGrid(grid: SweepGrid): SweepGrid {
  return { ...grid, modes: grid.modes.map(currentVariant) };
}

/** {@link currentGrid} of a cell. */
export function currentCell(cell: SweepCell): SweepCell {
  return { ...cell, mode: currentVariant(cell.mode) };
}

export function placeOf({ mode, config: { learningRate, seed } }: PlannedRun): CellPlace {
  return { mode, learningRate, seed };
}

export function samePlace(a: CellPlace, b: CellPlace): boolean {
  return a.mode === b.mode && a.learningRate === b.learningRate && a.seed === b.seed;
}

/** The runs whose cells are not finished. */
export function missingRuns(runs: readonly PlannedRun[], cells: readonly CellPlace[]): PlannedRun[] {
  return runs.filter((run) => !cells.some((cell) => samePlace(cell, placeOf(run))));
}

/** Makes the cell of a run. A mode that ended its run early has no final loss. */
export function cellOf(run: PlannedRun, result: CellResult): SweepCell {
  return { ...placeOf(run), ...result, loss: result.stopped === null ? result.loss : null };
}

/** The union of two grids. */
export function grownGrid(a: SweepGrid, b: SweepGrid): SweepGrid {
  const both = <T>(of: (grid: SweepGrid) => readonly T[]) => [...new Set([...of(a), ...of(b)])];
  const ascending = (values: readonly number[]) => [...values].sort((x, y) => x - y);
  return {
    modes: both(({ modes }) => modes),
    learningRates: ascending(both(({ learningRates }) => learningRates)),
    seeds: ascending(both(({ seeds }) => seeds)),
  };
}

/** The cells of `a`, and those of `b` that are not in `a`. */
export function joinedCells(a: readonly SweepCell[], b: readonly SweepCell[]): SweepCell[] {
  return [...a, ...b.filter((cell) => !a.some((other) => samePlace(other, cell)))];
}

/** Sorts cells in training order. */
export function sortedCells({ modes }: SweepGrid, cells: readonly SweepCell[]): SweepCell[] {
  return [...cells].sort(
    (a, b) =>
      a.seed - b.seed || a.learningRate - b.learningRate || modes.indexOf(a.mode) - modes.indexOf(b.mode),
  );
}

/** The lowest final loss; null when none is finite. */
export function bestLoss(cells: readonly SweepCell[]): number | null {
  const losses = cells.flatMap(({ loss }) => (loss === null ? [] : [loss]));
  return losses.length > 0 ? Math.min(...losses) : null;
}

/**
 * Why the cell does not count in the mean of its seeds; null when it counts.
 * @param best lowest loss of the sweep
 */
export function failureOf({ loss }: SweepCell, best: number | null): CellFailure | null {
  if (loss === null) return 'diverged';
  return best !== null && loss > best + FAR_NATS ? 'far above the best' : null;
}
