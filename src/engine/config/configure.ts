/** A preset and what the user changed, made into a configuration without surprises. */
import { EngineError, suggestion } from '../core/errors.ts';
import { recipeOf } from '../precision/recipes.ts';
import { currentFields } from './renamed.ts';
import { checkConfig, type TrainConfig } from './trainConfig.ts';

/** Only what the user gave. */
export type Overrides = Partial<TrainConfig>;

/**
 * The preset with the user's values. Values that the user did not give follow the ones given where keeping
 * the preset's would contradict them: the smallest rate is a tenth of a given rate, and warm-up takes at
 * most a tenth of the steps (no preset takes more).
 * @throws EngineError BAD_VALUE or BAD_SHAPE where given values cannot be right together or at all, or there is no such setting
 */
export function configure(preset: TrainConfig, overrides: Overrides = {}): TrainConfig {
  const given: Overrides = Object.fromEntries(
    Object.entries(currentFields(overrides)).filter(([, value]) => value !== undefined),
  );
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(preset, name));
  if (unknown !== undefined) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no setting "${unknown}".`,
      suggestion(unknown, Object.keys(preset)),
    );
  }
  const merged = { ...preset, ...given };
  const config: TrainConfig = {
    ...merged,
    minLearningRate:
      given.minLearningRate ??
      (given.learningRate === undefined ? preset.minLearningRate : given.learningRate / 10),
    warmup: given.warmup ?? Math.min(preset.warmup, Math.max(0, Math.floor(merged.steps / 10))),
  };
  checkConfig(config);
  if (given.growthInterval != null && recipeOf(config.precision).scaling.kind !== 'dynamic') {
    throw new EngineError(
      'BAD_VALUE',
      `Mode ${config.precision} has no dynamic loss scale, but a growth-interval of ${given.growthInterval} was given.`,
      'Use fp16, or leave growth-interval out.',
    );
  }
  return config;
}
