import {
  DEFAULT_PRESET,
  DEFAULT_TEXT,
  type Field,
  MODE_FAMILIES,
  type ModeFamily,
  OPTIM_STATE_TABLE,
  OPTIM_STATES,
  OPTIMIZER_TABLE,
  OPTIMIZERS,
  openPreset,
  PRECISION_MODES,
  PRESETS,
  type Preset,
  recipeOf,
  rowOf,
} from '../engine/index.ts';
import { OPTION_GROUPS, type OptionSpec } from './optionTable.ts';

/** Where the explanation of an option starts. */
const INDENT = 26;
const WIDTH = 100;

/** The text of `--help`, made from the option table and the presets, so that it cannot differ from them. */
export function helpText(): string {
  const groups = Object.entries(OPTION_GROUPS).map(([title, options]) => `${title}\n${optionList(options)}`);
  return `Usage: npm run train -- [options]

Trains a GPT on this machine's GPU through WebGPU. Defaults in brackets are those of the preset
"${DEFAULT_PRESET}"; other presets have their own. A software renderer trains the preset
"${openPreset({ isFallback: true }, DEFAULT_PRESET)}" where neither a preset nor a size is given.

${groups.join('\n\n')}

Presets
${Object.values(PRESETS).map(presetHelp).join('\n')}

Precision modes
${MODE_FAMILIES.map(familyHelp).join('\n')}
${entry('e<X>m<Y>', 'Matmul operands with X (2 to 8) exponent and Y (1 to 10) mantissa bits, simulated in 4 bytes: e8m7, e5m2.')}

Optimizers
${OPTIMIZERS.map((id) => entry(id, OPTIMIZER_TABLE[id].summary)).join('\n')}

Optimizer states
${OPTIM_STATES.map((id) => entry(id, OPTIM_STATE_TABLE[id].summary)).join('\n')}

Exit codes: 0 done or stopped with Ctrl-C, 1 failure, 2 wrong use, 130 ended with Ctrl-C before the
first step, or with a second Ctrl-C.
`;
}

/** A line or more an option, with its choices and default. */
export function optionList(options: readonly OptionSpec[]): string {
  return options.map(optionHelp).join('\n');
}

/** How the value of an option is written. */
const VALUES: Readonly<Record<OptionSpec['kind'], string>> = {
  setting: '',
  count: ' N',
  number: ' N',
  text: ' TEXT',
  name: '',
  file: ' FILE',
  folder: ' DIR',
  list: ' LIST',
  numbers: ' LIST',
  size: ' SIZE',
  flag: '',
};

function optionHelp(option: OptionSpec): string {
  const values =
    'choices' in option ? option.choices : option.kind === 'setting' ? valuesOf(option.field) : [];
  const choices = values.length > 0 ? `${values.join(' | ')}: ` : '';
  const standard = defaultOf(option);
  const written = option.kind === 'setting' ? writtenIn(option.field) : '';
  const isNumber = option.kind === 'setting' && rowOf(option.field).kind === 'number';
  return entry(
    `--${option.name}${isNumber ? ' N' : VALUES[option.kind]}`,
    `${choices}${option.help}${written}${standard ? ` [${standard}]` : ''}`,
  );
}

/** Those that are listed beside a setting: none where any number of a range will do, or the option alone says it. */
function valuesOf(field: Field): readonly string[] {
  const row = rowOf(field);
  return row.kind === 'choice' || row.kind === 'name' ? Object.keys(row.titles) : [];
}

function writtenIn(field: Field): string {
  const row = rowOf(field);
  return row.kind === 'name' && row.written ? `; ${row.written}` : '';
}

function defaultOf(option: OptionSpec): string {
  if (option.standard !== undefined) return option.standard;
  if (option.kind !== 'setting') return DEFAULT_NAMES[option.name] ?? '';
  const { kind, standard } = rowOf(option.field);
  if (kind === 'flag') return '';
  if (standard !== undefined) return standard;
  const value = PRESETS[DEFAULT_PRESET].config[option.field];
  return value === null ? `the mode's: ${modeScales()}` : String(value);
}

const DEFAULT_NAMES: Readonly<Record<string, string>> = { preset: DEFAULT_PRESET, text: DEFAULT_TEXT };

/** Starting scales of the modes that have one. */
function modeScales(): string {
  return PRECISION_MODES.map(recipeOf)
    .flatMap(({ id, scaling }) => {
      if (scaling.kind === 'none') return [];
      return [`${id} ${scaling.kind === 'static' ? scaling.scale : scaling.initialScale}`];
    })
    .join(', ');
}

/** A line on what its modes have in common, and below it a line or more on each. */
function familyHelp({ title, summary, modes }: ModeFamily): string {
  const members = modes.map((mode) => entry(`  ${mode}`, recipeOf(mode).summary));
  return [`  ${title}: ${summary}`, ...members].join('\n');
}

function presetHelp({ name, purpose, config }: Preset): string {
  const { layers, heads, width, context, batch, steps } = config;
  const shape = `${layers} layers, ${heads} heads, width ${width}, context ${context}, batch ${batch}, ${steps} steps`;
  return entry(name, `${shape}. ${purpose}`);
}

/** A name and its explanation, wrapped beside it. */
function entry(name: string, text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line && INDENT + line.length + word.length >= WIDTH) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return `  ${name}`.padEnd(INDENT) + lines.join(`\n${' '.repeat(INDENT)}`);
}
