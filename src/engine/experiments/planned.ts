/** What a comparison trains: every mode from every seed. */
import { type PrecisionMode, recipeOf, takesFp8Head } from '../precision/recipes.ts';
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

/**
 * One configuration a mode, seed by seed; those of a seed differ in nothing else, so that the runs start and are fed
 * alike. A loss scale, its growth interval, a rounding and a head in FP8 go to the modes
 * that take them; where none does, the engine refuses them.
 * @param seeds consecutive ones from the given seed on, or the preset's
 * @throws EngineError where the values cannot be right
 */
export function comparedConfigs(
  preset: TrainConfig,
  given: Overrides,
  modes: readonly PrecisionMode[],
  seeds: number,
): TrainConfig[] {
  const kindOf = (mode: PrecisionMode) => recipeOf(mode).scaling.kind;
  const scaled = modes.filter((mode) => kindOf(mode) !== 'none');
  const dynamic = modes.filter((mode) => kindOf(mode) === 'dynamic');
  const rounded = modes.filter(isSimulatedMode);
  const quantized = modes.filter(takesFp8Head);
  const firstSeed = given.seed ?? preset.seed;
  const configOf = (precision: PrecisionMode, seed: number): TrainConfig => {
    const takesScale = scaled.length === 0 || scaled.includes(precision);
    const takesInterval = dynamic.length === 0 || dynamic.includes(precision);
    const takesRounding = rounded.length === 0 || isSimulatedMode(precision);
    const takesHead = quantized.length === 0 || quantized.includes(precision);
    const { lossScale, growthInterval, rounding, fp8Head, ...rest } = given;
    return configure(preset, {
      ...rest,
      ...(takesScale && lossScale !== undefined && { lossScale }),
      ...(takesInterval && growthInterval !== undefined && { growthInterval }),
      ...(takesRounding && rounding !== undefined && { rounding }),
      ...(takesHead && fp8Head !== undefined && { fp8Head }),
      precision,
      seed,
    });
  };
  return Array.from({ length: seeds }, (_, i) => firstSeed + i).flatMap((seed) =>
    modes.map((precision) => configOf(precision, seed)),
  );
}
