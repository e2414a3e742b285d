/** Every option of `npm run train`: the parser, the help text and the suggestions all read this one table. */
import {
  EXPORT_FORMATS,
  type ExportFormat,
  FIELDS,
  type Field,
  PRESET_NAMES,
  rowOf,
  SETTING_GROUPS,
  type SettingGroup,
  TEXT_IDS,
} from '../engine/index.ts';

export const DEFAULT_EXPORT_DTYPE: ExportFormat = 'F32';
export const DEFAULT_SAVE_EVERY = 500;
/** Which weights are exported and sampled when a run has ended. */
export const FINAL_WEIGHTS = ['trained', 'averaged', 'best'] as const;
export type FinalWeights = (typeof FINAL_WEIGHTS)[number];

interface OptionText {
  readonly name: string;
  /** What it does, with its unit. Defaults are added from the preset. */
  readonly help: string;
  /** The default, where it is not the preset's value. */
  readonly standard?: string;
}

export type OptionSpec = OptionText &
  /** Of a configuration: its row says the rest. */
  (
    | { readonly kind: 'setting'; readonly field: Field }
    | { readonly kind: 'name'; readonly choices: readonly string[] }
    | { readonly kind: 'file' }
    | { readonly kind: 'folder' }
    /** Names separated by commas. */
    | { readonly kind: 'list'; readonly choices: readonly string[] }
    /** Numbers separated by commas. */
    | { readonly kind: 'numbers' }
    /** A whole number that is no field of a configuration. */
    | { readonly kind: 'count' }
    /** A number that is no field of a configuration. */
    | { readonly kind: 'number' }
    | { readonly kind: 'text' }
    /** Bytes, as 24GiB. */
    | { readonly kind: 'size' }
    | { readonly kind: 'flag'; readonly short?: string }
  );

const SETTING_OPTIONS: readonly (OptionSpec & { readonly field: Field })[] = FIELDS.map((field) => {
  const { option, help } = rowOf(field);
  return { kind: 'setting', name: option, field, help };
});

/** Options of the settings of a group. */
function settingsIn(group: SettingGroup): OptionSpec[] {
  return SETTING_OPTIONS.filter(({ field }) => rowOf(field).group === group);
}

/** What stands in a group beside its settings. */
const BESIDE: Partial<Record<SettingGroup, readonly OptionSpec[]>> = {
  run: [
    { kind: 'name', name: 'preset', choices: PRESET_NAMES, help: 'where all other values start' },
    {
      kind: 'file',
      name: 'init',
      help: 'start from the weights of a GPT-2, Llama, Mistral or Qwen (safetensors, GGUF or a folder), which decide the shape; --steps 0 only evaluates',
    },
  ],
  data: [
    { kind: 'name', name: 'text', choices: TEXT_IDS, help: 'a built-in text' },
    { kind: 'file', name: 'data', help: 'a UTF-8 text file of your own' },
  ],
};

const OUTPUT: readonly OptionSpec[] = [
  {
    kind: 'folder',
    name: 'export',
    help: 'write the trained model into this folder, for Hugging Face libraries or llama.cpp',
  },
  {
    kind: 'name',
    name: 'export-dtype',
    choices: EXPORT_FORMATS,
    help: 'numbers of the exported weights; gguf-... writes one file for llama.cpp instead of the folder',
    standard: DEFAULT_EXPORT_DTYPE,
  },
  {
    kind: 'name',
    name: 'final-weights',
    choices: FINAL_WEIGHTS,
    help: 'which weights are exported and sampled at the end; averaged needs --ema-decay, best needs --keep-best. A saved run has all of them',
    standard: 'best with --keep-best, else trained',
  },
  {
    kind: 'count',
    name: 'samples',
    help: 'samples spread over the run, the last at its end; --sample is their length',
    standard: '1',
  },
  { kind: 'file', name: 'save', help: 'write the run to this .safetensors file, to go on with it later' },
  {
    kind: 'count',
    name: 'save-every',
    help: 'steps between saves; 0 saves only at the end',
    standard: String(DEFAULT_SAVE_EVERY),
  },
  {
    kind: 'file',
    name: 'resume',
    help: "go on with a saved run; --steps is the new total, and what is not given is the run's",
  },
  {
    kind: 'count',
    name: 'numerics-every',
    help: 'with --json: steps between lines on what narrow formats did to each tensor, and exponents of the gradients; 0 for none',
    standard: '0',
  },
  { kind: 'flag', name: 'json', help: 'JSON lines on standard output, messages on standard error' },
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

export const OPTION_GROUPS: Readonly<Record<string, readonly OptionSpec[]>> = {
  ...Object.fromEntries(
    (Object.entries(SETTING_GROUPS) as [SettingGroup, string][]).map(([group, title]) => [
      title,
      [...(BESIDE[group] ?? []), ...settingsIn(group)],
    ]),
  ),
  Output: OUTPUT,
};

export const OPTIONS: readonly OptionSpec[] = Object.values(OPTION_GROUPS).flat();
