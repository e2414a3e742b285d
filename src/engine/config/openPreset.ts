/** Which preset a run gets where its user left that open: one decision for the page and the command line. */
import { EngineError } from '../core/errors.ts';
import type { Overrides } from './configure.ts';
import { PRESETS, type Preset, type PresetName } from './presets.ts';
import type { TrainConfig } from './trainConfig.ts';

export const DEFAULT_PRESET: PresetName = 'starter';
/** A software adapter is some hundred times slower than a GPU: there the smallest preset is the kind default. */
const SOFTWARE_PRESET: PresetName = 'smoke';

/** What decides how long a step takes. */
const SIZES = ['layers', 'heads', 'width', 'context', 'batch', 'accumulation', 'microBatch'] as const;

/** Whether the user has chosen neither the preset nor what decides how long a step takes. */
export function isPresetOpen(presetChosen: boolean, given: Overrides): boolean {
  return !presetChosen && SIZES.every((field) => given[field] === undefined);
}

/**
 * The preset on an adapter, where it {@link isPresetOpen | is open}.
 * @param check throws an EngineError for a preset that what was given does not go with, as a long warm-up with a short run:
 * that is not taken
 */
export function openPreset(
  { isFallback }: { readonly isFallback: boolean },
  preset: PresetName,
  check: (config: TrainConfig) => void = () => {},
): PresetName {
  if (!isFallback) return preset;
  try {
    check(PRESETS[SOFTWARE_PRESET].config);
    return SOFTWARE_PRESET;
  } catch (cause) {
    if (cause instanceof EngineError) return preset;
    throw cause;
  }
}

/** The preset of a run that began when it was open, by the sizes that it was given; null where it is neither of the two. */
export function presetBegun(settings: Readonly<Record<string, unknown>>): Preset | null {
  const both = [PRESETS[DEFAULT_PRESET], PRESETS[SOFTWARE_PRESET]];
  return both.find(({ config }) => SIZES.every((field) => settings[field] === config[field])) ?? null;
}
