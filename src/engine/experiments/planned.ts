/** What a comparison trains: every mode from every seed. */

import { configure, type Overrides } from '../config/configure.ts';
import { filledIn } from '../config/filledIn.ts';
import { isTaken } from '../config/settings/rules.ts';
import { FIELDS, type Field, rowOf } from '../config/settings/table.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { parseVariant, type VariantId, variantOverrides } from './variants.ts';

/** A run of an experiment: its configuration, and the mode or variant that it goes by among the others. */
export interface PlannedRun {
  readonly mode: VariantId;
  readonly config: TrainConfig;
}

/** The modes of a comparison in their order: each is trained from every seed. */
export function comparedModes(runs: readonly { readonly mode: VariantId }[]): VariantId[] {
  return [...new Set(runs.map(({ mode }) => mode))];
}

/** A run that has ended has a summary, or could not go on. */
export function hasEnded({
  summary,
  error,
}: {
  readonly summary: object | null;
  readonly error: object | null;
}): boolean {
  return summary !== null || error !== null;
}

/**
 * One run a mode, seed by seed; those of a seed differ in their mode and its variants' settings only, so that they start
 * and are fed alike. A setting that belongs to some modes, as a loss scale, goes to those that take it; where none does,
 * the engine refuses it.
 * @param seeds consecutive ones from the given seed on, or the preset's
 * @throws EngineError where the values cannot be right, a setting is given twice, or two runs would be the same
 */
export function comparedRuns(
  preset: TrainConfig,
  given: Overrides,
  modes: readonly VariantId[],
  seeds: number,
): PlannedRun[] {
  const variants = modes.map((id) => ({ id, ...parseVariant(id) }));
  const shared = (Object.entries(given) as [Field, unknown][]).map(([field, value]) => {
    const own = variants.find(({ settings }) => settings.has(field));
    if (own) throw givenTwice(rowOf(field).option, own.id);
    const takers = variants.filter(({ mode }) => isTaken(field, mode));
    return { field, value, takers };
  });
  const firstSeed = given.seed ?? preset.seed;
  const runs = Array.from({ length: seeds }, (_, i) => firstSeed + i).flatMap((seed) =>
    variants.map((variant): PlannedRun => {
      const taken = shared.filter(({ takers }) => takers.length === 0 || takers.includes(variant));
      const overrides = Object.fromEntries(taken.map(({ field, value }) => [field, value]));
      const config = { ...overrides, ...variantOverrides(variant), precision: variant.mode, seed };
      return { mode: variant.id, config: configure(preset, config) };
    }),
  );
  checkDifferent(runs.slice(0, modes.length));
  return runs;
}

function givenTwice(name: string, variant: VariantId): EngineError {
  return new EngineError(
    'BAD_VALUE',
    `${name} was given for all runs, and again in ${variant}.`,
    'Give it in one place: for all, or with each mode that is to have it.',
  );
}

/** @throws EngineError BAD_VALUE naming two runs that differ in their names only */
function checkDifferent(runs: readonly PlannedRun[]): void {
  const prints = runs.map(({ config }) => JSON.stringify(filledIn(config)));
  const second = prints.findIndex((print, i) => prints.indexOf(print) !== i);
  if (second < 0) return;
  const first = prints.indexOf(prints[second]!);
  throw new EngineError(
    'BAD_VALUE',
    `${runs[second]!.mode} is the same run as ${runs[first]!.mode}.`,
    'Leave one of them out.',
  );
}

/** The configuration in another mode: settings that it does not take are left out, and those of the variant are its own. */
export function inMode(config: TrainConfig, id: VariantId): TrainConfig {
  const variant = parseVariant(id);
  const untaken = FIELDS.filter((field) => !isTaken(field, variant.mode));
  return {
    ...config,
    ...Object.fromEntries(untaken.map((field) => [field, rowOf(field).default])),
    ...variantOverrides(variant),
    precision: variant.mode,
  };
}
