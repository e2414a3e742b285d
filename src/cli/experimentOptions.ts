/** What `npm run compare` and `npm run sweep` have in common: modes, seeds, and every option of a run that they pass on. */

import {
  type AdapterReport,
  checkDistinct,
  comparedRuns,
  DEFAULT_PRESET,
  EngineError,
  isPresetOpen,
  type Overrides,
  openPreset,
  PRECISION_MODES,
  type Preset,
  presetOf,
  rowOf,
  type TrainConfig,
  VARIANT_SETTINGS,
  type VariantId,
} from '../engine/index.ts';
import { variantList, wholeNumber } from './arguments.ts';
import { overridesOf, type TextChoice, textChoice } from './options.ts';
import { OPTION_GROUPS, type OptionSpec } from './optionTable.ts';
import { presetNote } from './runText.ts';
import { show } from './terminal.ts';

const DEFAULT_MODES = 'fp32,fp16,bf16';
const MAX_SEEDS = 100;

const VARIANT_NAMES = VARIANT_SETTINGS.map((field) => rowOf(field).option).join(', ');

/** What a run of its own takes: its mode, its files and its output. */
const NOT_PASSED_ON = [
  ...['precision', 'sample', 'samples', 'json', 'help'],
  ...['save', 'save-every', 'resume', 'init', 'export', 'export-dtype', 'final-weights', 'numerics-every'],
];

/** Of a run's options those that every run of an experiment is given alike. */
export function passedOn(without: readonly string[]): OptionSpec[] {
  const own = new Set(NOT_PASSED_ON.concat(without));
  return Object.values(OPTION_GROUPS)
    .flat()
    .filter(({ name }) => !own.has(name));
}

/** Options of both commands, as the option table has them. */
export const EXPERIMENT_OPTIONS: readonly OptionSpec[] = [
  {
    kind: 'list',
    name: 'modes',
    choices: PRECISION_MODES,
    help: `precision modes, separated by commas [${DEFAULT_MODES}], and variants of them, as fp16+optim-state=fp8: ${VARIANT_NAMES} can differ`,
  },
  {
    kind: 'count',
    name: 'seeds',
    help: `consecutive seeds that each is trained from, at most ${MAX_SEEDS} [1]`,
  },
];

/** What to train and on what. */
export interface Experiment {
  readonly preset: Preset;
  /** Whether the adapter decides the preset. */
  readonly presetOpen: boolean;
  readonly given: Overrides;
  readonly modes: readonly VariantId[];
  readonly seeds: number;
  readonly text: TextChoice;
}

/**
 * @param given option name to value
 * @throws EngineError of a usage code
 */
export function experimentOf(given: ReadonlyMap<string, string>): Experiment {
  const overrides = overridesOf(given);
  return {
    preset: presetOf(given.get('preset') ?? DEFAULT_PRESET),
    presetOpen: isPresetOpen(given.has('preset'), overrides),
    given: overrides,
    modes: modesOf(given.get('modes') ?? DEFAULT_MODES),
    seeds: seedsOf(given.get('seeds') ?? '1'),
    text: textChoice(given),
  };
}

/** The experiment's preset on an adapter; where the adapter has decided it, a line on standard error says so. */
export function presetOn(report: AdapterReport, experiment: Experiment): Preset {
  const { preset, presetOpen, given, modes, seeds } = experiment;
  const check = (config: TrainConfig) => comparedRuns(config, given, modes, seeds);
  const name = presetOpen ? openPreset(report, preset.name, check) : preset.name;
  if (name !== preset.name) show(presetNote(name, preset.name), process.stderr);
  return presetOf(name);
}

function modesOf(value: string): readonly VariantId[] {
  const modes = variantList(value);
  checkDistinct('mode', modes);
  return modes;
}

function seedsOf(value: string): number {
  const seeds = wholeNumber('seeds', value);
  if (seeds <= MAX_SEEDS) return seeds;
  throw new EngineError('BAD_VALUE', `--seeds is ${seeds}.`, `Give a whole number from 1 to ${MAX_SEEDS}.`);
}
