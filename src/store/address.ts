import {
  builtinText,
  EngineError,
  fieldOfOption,
  presetOf,
  readSetting,
  readVariant,
  rowOf,
  shortened,
  thereIsNo,
  unknownSetting,
  type VariantId,
  writtenNumber,
} from '../engine/index.ts';
import { SCHEDULES } from '../session/protocol.ts';
import { PRESET_SETTINGS, type Problem, problemOf, type Settings, settingsProblem } from './settings.ts';
import { isTracking } from './tracking.ts';

/** A mode or variant in any spelling. In a query, + stands for a space. */
function mode(text: string): VariantId {
  return readVariant(text.replaceAll(' ', '+'));
}

function oneOf<Name extends string>(key: string, names: readonly Name[]) {
  return (text: string): Name => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw thereIsNo(key, text, names);
    return found;
  };
}

/** Numbers are only read here; whether one can be trained with is for others to say. */
function number(key: string, low = 0, high = Number.MAX_VALUE) {
  return (text: string): number => {
    const value = writtenNumber(text.trim());
    if (value !== null && value >= low && value <= high) return value;
    const what = value === null ? `"${shortened(text)}", which is not a number` : value;
    throw new EngineError('BAD_VALUE', `${key} is ${what}.`, `It must be a number from ${low} to ${high}.`);
  };
}

/** What an address has beside the settings of a run. Each throws an EngineError for what it cannot read. */
const OTHERS = {
  preset: (text: string) => presetOf(shortened(text)).name,
  /** One mode; `modes` for several. */
  precision: (text: string) => [mode(text)],
  modes: (text: string) => text.split(',').map(mode),
  schedule: oneOf('schedule', SCHEDULES),
  seeds: number('seeds'),
  // A file cannot be named in an address.
  text: (text: string) => builtinText(shortened(text)).id,
  samples: number('samples'),
  autostart: oneOf('autostart', ['0', '1']),
  ui: oneOf('ui', ['live', 'still']),
  autosave: number('autosave', 0, 3600),
};
type Other = keyof typeof OTHERS;
type Values = { -readonly [Key in Other]?: ReturnType<(typeof OTHERS)[Key]> };
const KEYS = [...Object.keys(OTHERS), ...PRESET_SETTINGS];

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
    if (isTracking(name)) continue;
    const problem = problemOf(() => Object.assign(read, readPair(name, text)));
    if (problem) problems.push(problem);
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

/** @throws EngineError for a name that nothing has, and for a value that the name cannot have */
function readPair(name: string, text: string): Readonly<Record<string, unknown>> {
  if (Object.hasOwn(OTHERS, name)) return { [name]: OTHERS[name as Other](text) };
  const field = fieldOfOption(name);
  if (field === undefined) throw unknownSetting(name, KEYS);
  const row = rowOf(field);
  const value = readSetting(field, text);
  return { [row.option]: row.kind === 'flag' ? (value === row.given ? '1' : '0') : value };
}
