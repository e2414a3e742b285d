import { TEXT_IDS } from '../engine/data/builtins.ts';
import { EngineError } from '../engine/errors.ts';
import { PRESETS, type PresetName } from '../engine/model/presets.ts';
import { type PrecisionMode, RECIPES } from '../engine/precision/recipes.ts';
import type { TrainConfig } from '../engine/train/config.ts';
import { configure } from '../engine/train/configure.ts';

export const TEXT_CHOICES = [...TEXT_IDS, 'own'] as const;
export type TextChoice = (typeof TEXT_CHOICES)[number];

export const HALF_CHOICES = ['auto', 'native', 'packed'] as const;

/** What the visitor chose. Null leaves a number to the preset or the mode. The names are those of the address. */
export interface Settings {
  readonly preset: PresetName;
  readonly precision: PrecisionMode;
  readonly compare: PrecisionMode | null;
  readonly text: TextChoice;
  readonly steps: number | null;
  readonly seed: number | null;
  readonly f16: TrainConfig['half'];
  readonly lossScale: number | null;
  readonly growthInterval: number | null;
  /** Tokens of the sample at the end. Has no field: machines that only want figures set it to 0. */
  readonly sample: number | null;
  /** Samples written in a run, spread over its steps, the last at its end. */
  readonly samples: number | null;
}

export const NUMBER_SETTINGS = ['steps', 'seed', 'lossScale', 'growthInterval', 'samples'] as const;
export type NumberSetting = (typeof NUMBER_SETTINGS)[number];

export interface Problem {
  readonly message: string;
  readonly hint: string;
}

export const DEFAULT_SETTINGS: Settings = {
  preset: 'starter',
  precision: 'fp16',
  compare: null,
  text: 'moby-dick',
  steps: null,
  seed: null,
  f16: 'auto',
  lossScale: null,
  growthInterval: null,
  sample: null,
  samples: null,
};

export function scalesLoss(mode: PrecisionMode): boolean {
  return RECIPES[mode].scaling.kind !== 'none';
}

export function modesOf(settings: Settings): readonly PrecisionMode[] {
  return settings.compare ? [settings.precision, settings.compare] : [settings.precision];
}

/**
 * One configuration a mode; they differ in nothing else, so that the runs start and are fed alike.
 * @throws EngineError where the settings cannot be right
 */
export function configsOf(settings: Settings): TrainConfig[] {
  const modes = modesOf(settings);
  // In a comparison a scale belongs to the modes that have one; where none has, the engine refuses it by name.
  const scaled = modes.filter(scalesLoss);
  const dynamic = modes.filter((mode) => RECIPES[mode].scaling.kind === 'dynamic');
  return modes.map((precision) => {
    const takesScale = scaled.length === 0 || scaled.includes(precision);
    const takesInterval = dynamic.length === 0 || dynamic.includes(precision);
    return configure(PRESETS[settings.preset].config, {
      precision,
      half: settings.f16,
      ...(settings.steps !== null && { steps: settings.steps }),
      ...(settings.seed !== null && { seed: settings.seed }),
      ...(settings.sample !== null && { sampleLength: settings.sample }),
      ...(settings.lossScale !== null && takesScale && { lossScale: settings.lossScale }),
      ...(settings.growthInterval !== null && takesInterval && { growthInterval: settings.growthInterval }),
    });
  });
}

/** What is wrong with the settings as a whole, in the engine's words; null when they can be tried. */
export function settingsProblem(settings: Settings): Problem | null {
  if (settings.compare === settings.precision) {
    return {
      message: `A comparison of ${RECIPES[settings.precision].title} with itself shows nothing.`,
      hint: 'Choose another mode to compare with, or none.',
    };
  }
  return problemOf(() => {
    checkSamples(settings.samples ?? 1);
    configsOf(settings);
  });
}

const MOST_SAMPLES = 100;

function checkSamples(samples: number): void {
  if (Number.isInteger(samples) && samples >= 1 && samples <= MOST_SAMPLES) return;
  throw new EngineError(
    'BAD_VALUE',
    `samples is ${samples}.`,
    `It must be a whole number from 1 to ${MOST_SAMPLES}.`,
  );
}

/** The part of `settingsProblem` that one number causes: shown at its field. */
export function numberProblem(settings: Settings, key: NumberSetting): Problem | null {
  const { preset, precision, compare } = settings;
  return settingsProblem({ ...DEFAULT_SETTINGS, preset, precision, compare, [key]: settings[key] });
}

/** What the engine has against it; null when nothing. */
export function problemOf(check: () => unknown): Problem | null {
  try {
    check();
    return null;
  } catch (cause) {
    if (cause instanceof EngineError) return { message: cause.message, hint: cause.hint };
    throw cause;
  }
}
