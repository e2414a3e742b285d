/** The options of `npm run gpu:report`. */

import { listOf, modeList, readArguments } from '../../src/cli/arguments.ts';
import { optionList } from '../../src/cli/help.ts';
import { overridesOf } from '../../src/cli/options.ts';
import { type OptionSpec, OPTIONS as TRAIN_OPTIONS } from '../../src/cli/optionTable.ts';
import {
  benchShape,
  configure,
  EngineError,
  PRECISION_MODES,
  PRESET_NAMES,
  type PrecisionMode,
  presetOf,
  rowOf,
  SHAPE_NAMES,
  type TrainConfig,
} from '../../src/engine/index.ts';
import { FAMILIES, type Family } from './families.ts';
import { type KernelFilter, readFilter } from './targets.ts';

/** Settings that decide which kernels a step has. Of precisions there are several in a report. */
const SETTINGS = TRAIN_OPTIONS.filter(
  (option) => option.kind === 'setting' && option.name !== 'precision' && rowOf(option.field).planned,
);

const OPTIONS: readonly OptionSpec[] = [
  { kind: 'list', name: 'family', choices: FAMILIES, help: 'AMD GPUs to compile for', standard: 'navi31' },
  { kind: 'name', name: 'preset', choices: PRESET_NAMES, help: 'whose training step', standard: 'gpt2' },
  {
    kind: 'list',
    name: 'precision',
    choices: PRECISION_MODES,
    help: 'precision modes',
    standard: 'fp32,fp16,bf16,fp8',
  },
  {
    kind: 'list',
    name: 'kernels',
    choices: [],
    help: 'only targets with these choices, as matmul=tiled,subgroups=off; without it, all that a run may end with',
  },
  ...SETTINGS,
  { kind: 'file', name: 'wgsl', help: 'compile these files (separated by commas) instead of a step' },
  {
    kind: 'flag',
    name: 'peers',
    help: 'also compile what jax-js and TensorFlow.js dispatch for --peer-shape, taken from their pages in Chromium on lavapipe',
  },
  { kind: 'name', name: 'peer-shape', choices: SHAPE_NAMES, help: 'of npm run bench', standard: 'b' },
  { kind: 'file', name: 'markdown', help: 'write the tables there too' },
  { kind: 'file', name: 'json', help: 'write the rows there, for --compare' },
  { kind: 'file', name: 'compare', help: 'rows of an earlier report: shows what changed since' },
  { kind: 'folder', name: 'keep', help: 'keep WGSL, listings and statistics there' },
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

export interface ReportOptions {
  readonly families: readonly Family[];
  /** What is trained, in each of the precisions. */
  readonly config: TrainConfig;
  /** As it was asked for: the preset, and the options that change it. */
  readonly title: string;
  readonly precisions: readonly PrecisionMode[];
  readonly filter: KernelFilter;
  readonly wgsl: readonly string[];
  /** The shape that the other trainers train, where their kernels are wanted. */
  readonly peers: TrainConfig | null;
  readonly files: Readonly<Partial<Record<'markdown' | 'json' | 'compare' | 'keep', string>>>;
}

export const HELP = `Usage: npm run gpu:report -- [options]

Compiles the kernels of a training step for AMD GPUs without one (RADV's null device), and says what became of
them: registers, spills, occupancy, what the hot loop issues, and the share of the peak that this leaves at most.

${optionList(OPTIONS)}
`;

/** Null where --help is asked for. @throws EngineError UNKNOWN_OPTION or BAD_VALUE */
export function readOptions(args: readonly string[]): ReportOptions | null {
  const given = readArguments('gpu:report', OPTIONS, args);
  if (given.has('help')) return null;
  const settings = new Map(
    SETTINGS.flatMap(({ name }) => {
      const value = given.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  if (
    given.has('wgsl') &&
    ['preset', 'precision', 'kernels', ...settings.keys()].some((name) => given.has(name))
  ) {
    throw new EngineError(
      'BAD_VALUE',
      '--wgsl compiles files, which have no preset, settings, precision or kernels.',
      'Leave one of them out.',
    );
  }
  const preset = presetOf(given.get('preset') ?? 'gpt2');
  const { markdown, json, compare, keep } = Object.fromEntries(given);
  return {
    families: listOf('family', given.get('family') ?? 'navi31', FAMILIES),
    config: configure(preset.config, overridesOf(settings)),
    title: [preset.name, ...[...settings].map(([name, value]) => `--${name} ${value}`.trim())].join(' '),
    precisions: modeList(given.get('precision') ?? 'fp32,fp16,bf16,fp8'),
    filter: readFilter(given.get('kernels')),
    wgsl: given.get('wgsl')?.split(',') ?? [],
    peers: given.has('peers') ? benchShape(given.get('peer-shape') ?? 'b') : null,
    files: {
      ...(markdown !== undefined && { markdown }),
      ...(json !== undefined && { json }),
      ...(compare !== undefined && { compare }),
      ...(keep !== undefined && { keep }),
    },
  };
}
