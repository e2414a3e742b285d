/** What a comparison trains: every mode from every seed. */
import { delaysScales, type PrecisionMode, recipeOf, storesFp8 } from '../precision/recipes.ts';
import { isSimulatedMode } from '../precision/simulated.ts';
import type { TrainConfig } from '../train/config.ts';
import { configure, type Overrides } from '../train/configure.ts';

/** The modes of a comparison in their order: each is trained from every seed. */
export function comparedModes(configs: readonly TrainConfig[]): PrecisionMode[] {
  return [...new Set(configs.map(({ precision }) => precision))];
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

/** Settings that only some modes take: which modes, and what the others have. */
const MODE_SETTINGS: readonly (readonly [keyof TrainConfig, (mode: PrecisionMode) => boolean, unknown])[] = [
  ['lossScale', (mode) => recipeOf(mode).scaling.kind !== 'none', null],
  ['growthInterval', (mode) => recipeOf(mode).scaling.kind === 'dynamic', null],
  ['rounding', isSimulatedMode, null],
  ['fp8Head', storesFp8, false],
  ['amaxHistory', delaysScales, null],
  ['amaxAlgorithm', delaysScales, null],
  ['fp8Margin', delaysScales, null],
];

/** `config` in mode `precision`, without what that mode does not take. */
export function inMode(config: TrainConfig, precision: PrecisionMode): TrainConfig {
  const others = MODE_SETTINGS.filter(([, takes]) => !takes(precision));
  return { ...config, ...Object.fromEntries(others.map(([field, , none]) => [field, none])), precision };
}

/** `given` without the settings that `mode` does not take and another of `modes` does. */
function settingsFor(mode: PrecisionMode, given: Overrides, modes: readonly PrecisionMode[]): Overrides {
  const others = MODE_SETTINGS.filter(([, takes]) => !takes(mode) && modes.some(takes));
  return Object.fromEntries(
    Object.entries(given).filter(([field]) => !others.some(([other]) => other === field)),
  );
}

/**
 * One configuration a mode, seed by seed; those of a seed differ in nothing else, so that the runs start and are fed
 * alike. What only some modes take, such as a loss scale, goes to those; where none does, the engine refuses it.
 * @param seeds consecutive ones from the given seed on, or the preset's
 * @throws EngineError where the values cannot be right
 */
export function comparedConfigs(
  preset: TrainConfig,
  given: Overrides,
  modes: readonly PrecisionMode[],
  seeds: number,
): TrainConfig[] {
  const firstSeed = given.seed ?? preset.seed;
  const configOf = (precision: PrecisionMode, seed: number): TrainConfig =>
    configure(preset, { ...settingsFor(precision, given, modes), precision, seed });
  return Array.from({ length: seeds }, (_, i) => firstSeed + i).flatMap((seed) =>
    modes.map((precision) => configOf(precision, seed)),
  );
}
