/** Plans the runs of a comparison: every mode with every seed. */

import { configure, type Overrides } from '../config/configure.ts';
import { filledIn } from '../config/filledIn.ts';
import { isTaken } from '../config/settings/rules.ts';
import { FIELDS, type Field, rowOf } from '../config/settings/table.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { parseVariant, type VariantId, variantOverrides } from './variants.ts';

/** A run of an experiment: its configuration, and the mode or variant that identifies it. */
export interface PlannedRun {
  readonly mode: VariantId;
  readonly config: TrainConfig;
}

/** The modes of a comparison, in order. */
export function comparedModes(runs: readonly { readonly mode: VariantId }[]): VariantId[] {
  return [...new Set(runs.map(({ mode }) => mode))];
}

/** Whether a run has ended, with a summary or with an error. */
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
 * Plans one run for each mode, seed by seed. The runs of a seed differ only in their mode and the settings of its variant,
 * so that they start from the same weights and see the same batches. A setting that only some modes take, such as a loss
 * scale, is applied to those modes; if no mode takes it, the engine refuses it.
 * @param seeds number of consecutive seeds, from the given one or the preset's
 * @throws EngineError when a value is out of range, a setting is given twice, or two runs would be identical
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
    `${name} was given for all runs and again in ${variant}.`,
    'Give it once: either for all runs, or with each mode that needs it.',
  );
}

/** @throws EngineError BAD_VALUE naming two runs with the same configuration */
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

/** Returns the configuration in another mode, without settings that the mode does not take and with those of the variant. */
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
