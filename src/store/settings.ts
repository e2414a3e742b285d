import { TEXT_IDS } from '../engine/data/builtins.ts';
import { EngineError } from '../engine/errors.ts';
import { PRESETS, type PresetName } from '../engine/model/presets.ts';
import { type PrecisionMode, RECIPES } from '../engine/precision/recipes.ts';
import type { TrainConfig } from '../engine/train/config.ts';
import { configure } from '../engine/train/configure.ts';
import type { Schedule } from '../session/protocol.ts';

export const TEXT_CHOICES = [...TEXT_IDS, 'own'] as const;
export type TextChoice = (typeof TEXT_CHOICES)[number];

export const HALF_CHOICES = ['auto', 'native', 'packed'] as const;

/** As many as colours, dashes and a table can tell apart. */
export const MAX_MODES = 4;
export const MAX_SEEDS = 5;

/** What the visitor chose. Null leaves a number to the preset or the mode. The names are those of the address. */
export interface Settings {
  readonly preset: PresetName;
  /** Distinct; the first is what the others are compared with. */
  readonly modes: readonly PrecisionMode[];
  readonly schedule: Schedule;
  /** Every mode is trained from so many consecutive seeds. */
  readonly seeds: number;
  readonly text: TextChoice;
  readonly steps: number | null;
  readonly seed: number | null;
  readonly f16: TrainConfig['half'];
  readonly lossScale: number | null;
  readonly growthInterval: number | null;
  /** Tokens of the sample at the end. Has no field: machines that only want figures set it to 0. */
  readonly sample: number | null;
}

export const NUMBER_SETTINGS = ['steps', 'seed', 'lossScale', 'growthInterval'] as const;
export type NumberSetting = (typeof NUMBER_SETTINGS)[number];

export interface Problem {
  readonly message: string;
  readonly hint: string;
}

export const DEFAULT_SETTINGS: Settings = {
  preset: 'starter',
  modes: ['fp16'],
  schedule: 'sequential',
  seeds: 1,
  text: 'moby-dick',
  steps: null,
  seed: null,
  f16: 'auto',
  lossScale: null,
  growthInterval: null,
  sample: null,
};

export function scalesLoss(mode: PrecisionMode): boolean {
  return RECIPES[mode].scaling.kind !== 'none';
}

export function modesOf(settings: Settings): readonly PrecisionMode[] {
  return settings.modes;
}

/**
 * One configuration a mode, seed by seed; those of a seed differ in nothing else, so that the runs start and are fed
 * alike.
 * @throws EngineError where the settings cannot be right
 */
export function configsOf(settings: Settings): TrainConfig[] {
  const modes = modesOf(settings);
  // In a comparison a scale belongs to the modes that have one; where none has, the engine refuses it by name.
  const scaled = modes.filter(scalesLoss);
  const dynamic = modes.filter((mode) => RECIPES[mode].scaling.kind === 'dynamic');
  const preset = PRESETS[settings.preset].config;
  const firstSeed = settings.seed ?? preset.seed;
  const configOf = (precision: PrecisionMode, seed: number): TrainConfig => {
    const takesScale = scaled.length === 0 || scaled.includes(precision);
    const takesInterval = dynamic.length === 0 || dynamic.includes(precision);
    return configure(preset, {
      precision,
      seed,
      half: settings.f16,
      ...(settings.steps !== null && { steps: settings.steps }),
      ...(settings.sample !== null && { sampleLength: settings.sample }),
      ...(settings.lossScale !== null && takesScale && { lossScale: settings.lossScale }),
      ...(settings.growthInterval !== null && takesInterval && { growthInterval: settings.growthInterval }),
    });
  };
  const seeds = Array.from({ length: settings.seeds }, (_, i) => firstSeed + i);
  return seeds.flatMap((seed) => modes.map((precision) => configOf(precision, seed)));
}

/** What is wrong with the settings as a whole, in the engine's words; null when they can be tried. */
export function settingsProblem(settings: Settings): Problem | null {
  return comparisonProblem(settings) ?? problemOf(() => configsOf(settings));
}

function comparisonProblem({ modes, seeds }: Settings): Problem | null {
  const twice = modes.find((mode, i) => modes.indexOf(mode) !== i);
  if (twice) {
    return {
      message: `A comparison of ${RECIPES[twice].title} with itself shows nothing.`,
      hint: 'Choose another mode to compare with, or none.',
    };
  }
  if (modes.length < 1 || modes.length > MAX_MODES) {
    return {
      message: `${modes.length} modes were chosen.`,
      hint: `Train from 1 to ${MAX_MODES} modes at a time.`,
    };
  }
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > MAX_SEEDS) {
    return { message: `seeds is ${seeds}.`, hint: `It must be a whole number from 1 to ${MAX_SEEDS}.` };
  }
  return null;
}

/** The part of `settingsProblem` that one number causes: shown at its field. */
export function numberProblem(settings: Settings, key: NumberSetting): Problem | null {
  const { preset, modes } = settings;
  return problemOf(() => configsOf({ ...DEFAULT_SETTINGS, preset, modes, [key]: settings[key] }));
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
