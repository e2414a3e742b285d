import * as v from 'valibot';
import {
  mostTokens,
  PRESET_NAMES,
  RENAMED_OPTIONS,
  ROUNDINGS,
  readVariant,
  suggestion,
  TEXT_IDS,
  type TokenizerChoice,
} from '../engine/index.ts';
import { SCHEDULES } from '../session/protocol.ts';
import {
  CHOICES,
  HALF_CHOICES,
  NUMBER_SETTINGS,
  type NumberSetting,
  type Problem,
  problemOf,
  type Settings,
  settingsProblem,
} from './settings.ts';
import { isTracking } from './tracking.ts';
import { writtenNumber } from './typedNumber.ts';

/** Numbers are only read here; whether one can be trained with is the engine's to say. */
const number = v.pipe(
  v.string(),
  v.transform((text) => writtenNumber(text.trim())),
  v.number(),
);

const tokenizer = v.pipe(
  v.string(),
  v.check((text) => problemOf(() => mostTokens(text as TokenizerChoice)) === null),
  v.transform((text) => text as TokenizerChoice),
);

/** A mode or variant in any spelling. In a query, + stands for a space. */
const variantText = v.pipe(
  v.string(),
  v.transform((text) => text.replaceAll(' ', '+')),
  v.check((text) => problemOf(() => readVariant(text)) === null),
  v.transform(readVariant),
);

const SCHEMAS = {
  preset: v.picklist(PRESET_NAMES),
  /** One mode; `modes` for several. */
  precision: v.pipe(
    variantText,
    v.transform((mode) => [mode]),
  ),
  modes: v.pipe(
    v.string(),
    v.transform((text) => text.split(',')),
    v.array(variantText),
  ),
  schedule: v.picklist(SCHEDULES),
  seeds: number,
  // A file cannot be named in an address.
  text: v.picklist(TEXT_IDS),
  ...(Object.fromEntries(NUMBER_SETTINGS.map((key) => [key, number])) as Record<
    NumberSetting,
    typeof number
  >),
  untied: v.picklist(CHOICES.untied),
  norm: v.picklist(CHOICES.norm),
  mlp: v.picklist(CHOICES.mlp),
  tokenizer,
  order: v.picklist(CHOICES.order),
  recompute: v.picklist(CHOICES.recompute),
  optimizer: v.picklist(CHOICES.optimizer),
  'optim-state': v.picklist(CHOICES['optim-state']),
  'quantize-head': v.picklist(CHOICES['quantize-head']),
  'quantize-activations': v.picklist(CHOICES['quantize-activations']),
  'amax-algo': v.picklist(CHOICES['amax-algo']),
  f16: v.picklist(HALF_CHOICES),
  rounding: v.picklist(ROUNDINGS),
  sample: number,
  samples: number,
  autostart: v.picklist(['0', '1']),
  ui: v.picklist(['live', 'still']),
  autosave: v.pipe(number, v.minValue(0), v.maxValue(3600)),
};
type Key = keyof typeof SCHEMAS;
type Values = { -readonly [K in Key]?: v.InferOutput<(typeof SCHEMAS)[K]> };
const KEYS = Object.keys(SCHEMAS) as Key[];

/** Names that the command line or earlier versions have for them. */
const ALIASES: Readonly<Record<string, string>> = {
  ...RENAMED_OPTIONS,
  'loss-scale': 'lossScale',
  'growth-interval': 'growthInterval',
};

export interface Address {
  readonly settings: Partial<Settings>;
  /** Train without being asked. Never true when something in the address was refused. */
  readonly autostart: boolean;
  /** No transitions, for screenshots and machines. */
  readonly still: boolean;
  /** Seconds between saves of a run; 0 for none. */
  readonly autosave: number | undefined;
  readonly problems: readonly Problem[];
}

/** Reads the query of the page's address. What it does not understand it reports and leaves out. */
export function readAddress(query: string, defaults: Settings): Address {
  const read: Values = {};
  const problems: Problem[] = [];
  for (const [name, text] of new URLSearchParams(query)) {
    const key = Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name;
    if (isTracking(key)) continue;
    if (!isKey(key)) {
      problems.push({
        message: `"${shorten(key)}" in the address is not known.`,
        hint: suggestion(key, KEYS),
      });
      continue;
    }
    const parsed = v.safeParse(SCHEMAS[key], text);
    if (parsed.success) Object.assign(read, { [key]: parsed.output });
    else problems.push(refusal(key, text));
  }
  const { autostart, ui, autosave, precision, ...rest } = read;
  const settings: Partial<Settings> = { ...(precision && { modes: precision }), ...rest };
  if (precision && rest.modes) {
    problems.push({
      message: '"precision" and "modes" in the address both choose modes.',
      hint: 'Keep one of them: modes takes one or several, separated by commas.',
    });
  }
  const whole = settingsProblem({ ...defaults, ...settings });
  if (whole) problems.push(whole);
  const refused = problems.length > 0;
  if (autostart === '1' && refused) {
    problems.push({
      message: 'Training was not started.',
      hint: 'Correct the address or the settings below, then press Train.',
    });
  }
  return { settings, autostart: autostart === '1' && !refused, still: ui === 'still', autosave, problems };
}

function refusal(key: Key, text: string): Problem {
  if (key === 'modes' || key === 'precision') {
    const names = key === 'modes' ? text.split(',') : [text];
    const unknown = names.find((mode) => !v.is(variantText, mode)) ?? text;
    const written = unknown.replaceAll(' ', '+');
    return {
      message: `${key === 'modes' ? 'mode' : key} "${shorten(written)}" in the address is not known.`,
      hint: problemOf(() => readVariant(written))?.hint ?? '',
    };
  }
  if (key === 'tokenizer') {
    return {
      message: `tokenizer "${shorten(text)}" in the address is not known.`,
      hint: problemOf(() => mostTokens(text as TokenizerChoice))?.hint ?? '',
    };
  }
  const schema = SCHEMAS[key];
  const message = `${key} "${shorten(text)}" in the address is not `;
  return 'options' in schema
    ? { message: `${message}known.`, hint: suggestion(text, schema.options) }
    : {
        message: `${message}a number.`,
        hint: `Write ${key} in plain digits with a point for decimals, as in 1000 or 0.001.`,
      };
}

function isKey(key: string): key is Key {
  return Object.hasOwn(SCHEMAS, key);
}

/** Addresses can be made by anyone: what is quoted back stays short. */
function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
