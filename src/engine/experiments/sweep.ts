/** A sweep trains every mode at every learning rate from every seed, a cell each. The page and the terminal share this. */

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

/** Where a cell lies in the grid. */
export interface CellPlace {
  readonly mode: VariantId;
  readonly learningRate: number;
  readonly seed: number;
}

export interface CellResult {
  /** Validation loss after the last step in nats; null when it is not finite. */
  readonly loss: number | null;
  /** Code of the error with which the mode stopped by itself; null when it did not. */
  readonly stopped: string | null;
  readonly steps: number;
  readonly skippedSteps: number;
  readonly tokensPerSec: number | null;
  /** Wall time of the whole cell: kernels, training and evaluation. */
  readonly seconds: number;
}

/** A finished run of a sweep. */
export interface SweepCell extends CellPlace, CellResult {}

/** Everything that the cells of a sweep have in common, by name. Sweeps with equal settings can be continued and grown. */
export type SweepSettings = Readonly<Record<string, string | number | boolean | null>>;

/** What a sweep was asked to do and what it has done. */
export interface Sweep {
  readonly settings: SweepSettings;
  readonly grid: SweepGrid;
  readonly cells: readonly SweepCell[];
}

/** A cell diverged when its final loss is not finite, or so many nats above the best cell of the sweep. */
export const DIVERGED_NATS = 1;

/**
 * The values of a grid, each checked on its own.
 * @param seeds how many consecutive ones from `firstSeed` on
 * @throws EngineError BAD_VALUE or UNKNOWN_MODE naming what is empty, double or out of range
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
      'A sweep without a learning rate has no cell.',
      'Give one or several, separated by commas: 3e-4,1e-3,3e-3.',
    );
  }
  if (modes.length === 0) {
    throw new EngineError('BAD_VALUE', 'A sweep without a mode has no cell.', 'Give one or several modes.');
  }
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > MOST_SEEDS) {
    throw new EngineError(
      'BAD_VALUE',
      `seeds is ${seeds}.`,
      `It must be a whole number from 1 to ${MOST_SEEDS}.`,
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

const MOST_SEEDS = 100;

/** @throws EngineError BAD_VALUE naming the value that is there twice */
export function checkDistinct(what: string, values: readonly (string | number)[]): void {
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice === undefined) return;
  throw new EngineError('BAD_VALUE', `The ${what} ${twice} was given twice.`, 'Leave one of them out.');
}

/**
 * A run a cell, in the order in which they are trained: seed by seed, so that the whole grid is seen early.
 * Only the last step is evaluated unless evaluations are asked for, and no sample is written.
 * @throws EngineError where the values cannot be right together
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
 * What was given counts by itself: the first cell's mode may not take it, or have its own.
 * @param text name and fingerprint, and `otherTokens`; @param adapter its name: cells of different ones are not bit by bit
 * comparable
 */
export function sweepSettings(
  preset: TrainConfig,
  given: Overrides,
  runs: readonly PlannedRun[],
  text: { readonly name: string; readonly checksum: string; readonly otherTokens?: string | undefined },
  adapter: string,
): SweepSettings {
  const [first] = runs;
  if (!first) throw new Error('a sweep has a cell');
  const fields = VARIANT_SETTINGS.map((field) => [field, preset[field]]);
  // What the grid decides is no setting; null for what follows from a learning rate: a tenth of it.
  const { precision, learningRate, seed, sampleLength, ...shared } = {
    ...first.config,
    ...Object.fromEntries(fields),
    minLearningRate: null,
    ...given,
  };
  const { name, checksum, otherTokens } = text;
  return {
    ...shared,
    text: name,
    textChecksum: checksum,
    ...(otherTokens && { textTokens: otherTokens }),
    adapter,
  };
}

/** In words, what differs; empty where nothing does. A setting that a sweep does not know yet was not given in it. */
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

/** Runs whose cell is not there yet. */
export function missingRuns(runs: readonly PlannedRun[], cells: readonly CellPlace[]): PlannedRun[] {
  return runs.filter((run) => !cells.some((cell) => samePlace(cell, placeOf(run))));
}

/** A mode that stopped by itself has no final loss, whatever its last one was. */
export function cellOf(run: PlannedRun, result: CellResult): SweepCell {
  return { ...placeOf(run), ...result, loss: result.stopped === null ? result.loss : null };
}

/** Both grids' modes, rates and seeds. */
export function grownGrid(a: SweepGrid, b: SweepGrid): SweepGrid {
  const both = <T>(of: (grid: SweepGrid) => readonly T[]) => [...new Set([...of(a), ...of(b)])];
  const ascending = (values: readonly number[]) => [...values].sort((x, y) => x - y);
  return {
    modes: both(({ modes }) => modes),
    learningRates: ascending(both(({ learningRates }) => learningRates)),
    seeds: ascending(both(({ seeds }) => seeds)),
  };
}

/** Those of `a`, and those of `b` that have another place. */
export function joinedCells(a: readonly SweepCell[], b: readonly SweepCell[]): SweepCell[] {
  return [...a, ...b.filter((cell) => !a.some((other) => samePlace(other, cell)))];
}

/** In the order in which a grid is trained. */
export function sortedCells({ modes }: SweepGrid, cells: readonly SweepCell[]): SweepCell[] {
  return [...cells].sort(
    (a, b) =>
      a.seed - b.seed || a.learningRate - b.learningRate || modes.indexOf(a.mode) - modes.indexOf(b.mode),
  );
}

/** The lowest final loss; null where none is finite. */
export function bestLoss(cells: readonly SweepCell[]): number | null {
  const losses = cells.flatMap(({ loss }) => (loss === null ? [] : [loss]));
  return losses.length > 0 ? Math.min(...losses) : null;
}

/** @param best of the whole sweep */
export function hasDiverged({ loss }: SweepCell, best: number | null): boolean {
  return loss === null || (best !== null && loss > best + DIVERGED_NATS);
}
