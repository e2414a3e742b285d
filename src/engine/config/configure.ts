/** A preset and what the user changed, made into a configuration without surprises. */
import { checkGiven } from './settings/rules.ts';
import { currentFields, FIELDS, isField } from './settings/table.ts';
import { unknownSetting } from './settings/values.ts';
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
  const unknown = Object.keys(given).find((name) => !isField(name));
  if (unknown !== undefined) throw unknownSetting(unknown, FIELDS);
  const merged = { ...preset, ...given };
  const config: TrainConfig = {
    ...merged,
    minLearningRate:
      given.minLearningRate ??
      (given.learningRate === undefined ? preset.minLearningRate : given.learningRate / 10),
    warmup: given.warmup ?? Math.min(preset.warmup, Math.max(0, Math.floor(merged.steps / 10))),
  };
  checkConfig(config);
  checkGiven(given, config);
  return config;
}
