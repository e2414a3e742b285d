/**
 * What a row of the table of settings says. Rows are plain data: schemas, the command line, fields of the page, links, files
 * and variants of modes are derived from them.
 */
import type { ErrorCode } from '../../core/errors.ts';
import type { PrecisionMode } from '../../precision/recipes.ts';

/** Where a setting stands in `--help` and on the page. */
export type SettingGroup =
  | 'run'
  | 'modes'
  | 'quantization'
  | 'scaling'
  | 'model'
  | 'block'
  | 'data'
  | 'training';

interface SettingWords<Option extends string> {
  /** Its name in commands, links and variants of modes. */
  readonly option: Option;
  /** Earlier names of the option or field, still accepted. */
  readonly formerly?: readonly string[];
  readonly group: SettingGroup;
  readonly label: string;
  /** What it does, as a lower-case phrase without a full stop; used in `--help` and in the page's field. */
  readonly help: string;
  readonly unit?: string;
  /** Shown as the default where the value is null. Not set where the precision mode decides. */
  readonly standard?: string;
}

/** Which precision modes take a setting. */
export interface TakenBy {
  readonly modes: (mode: PrecisionMode) => boolean;
  /** What is true of the modes that do not take it, such as "has no quantised LM head". */
  readonly others: string;
  /** The modes that take it, where none of them is listed. */
  readonly instead?: string;
  /** Presets give it whatever the mode: only what a run asks for itself is refused. */
  readonly givenByPresets?: boolean;
}

export interface SettingRow<Value, Option extends string = string> extends SettingWords<Option> {
  /** The value in presets that give none, and in files that are older than the setting. */
  readonly default: Value;
  /** All modes where absent. */
  readonly takenBy?: TakenBy;
  /** Values that menus offer for comparisons of two runs that differ in it. */
  readonly compared?: readonly string[];
  /** Whether a saved run may be resumed with another value. Such settings change only last bits and the schedule. */
  readonly resumable?: boolean;
  /** Whether `plan` takes it: it changes the memory of a run. */
  readonly planned?: boolean;
  /** Values with which public/train_ddp.py continues a run; all where absent. */
  readonly inPyTorch?: readonly Value[];
  /** By value of this setting: the fields of settings that have no effect with it. */
  readonly disables?: Readonly<Record<string, readonly string[]>>;
}

export interface NumberRow<Value extends number | null = number | null, Option extends string = string>
  extends SettingRow<Value, Option> {
  readonly kind: 'number';
  readonly low: number;
  readonly high: number;
  readonly whole: boolean;
  readonly code?: ErrorCode;
  /** Throws an EngineError for a number that is in range but not allowed. */
  readonly check?: (value: number) => unknown;
}

export interface ChoiceRow<Value extends string | null = string | null, Option extends string = string>
  extends SettingRow<Value, Option> {
  readonly kind: 'choice';
  /** Every value, and what the page calls it. */
  readonly titles: Readonly<Record<string, string>>;
}

/** A switch: its option takes no value, as `--untied`. */
export interface FlagRow<Option extends string = string> extends SettingRow<boolean, Option> {
  readonly kind: 'flag';
  /** The value that the option gives. */
  readonly given: boolean;
  readonly titles: Readonly<Record<'off' | 'on', string>>;
}

/** A name with more values than can be listed. */
export interface NameRow<Value extends string = string, Option extends string = string>
  extends SettingRow<Value, Option> {
  readonly kind: 'name';
  /** Those that are listed, and what the page calls them. */
  readonly titles: Readonly<Record<string, string>>;
  /** What else may be written, where there is no menu of those listed. Ends the explanation in `--help`. */
  readonly written?: string;
  /** Throws an EngineError for what is no such name. */
  readonly check: (value: string) => unknown;
}

export type AnyRow = NumberRow | ChoiceRow | FlagRow | NameRow;

type Written<Row extends { readonly kind: string }> = Omit<Row, 'kind' | 'default'>;
type WrittenNumber<Value extends number | null, Option extends string> = Omit<
  Written<NumberRow<Value, Option>>,
  'whole'
> & { readonly whole?: boolean };

/** A whole number unless it says otherwise. A default of null leaves it to the mode or to other settings. */
export function number<const Option extends string>(
  row: WrittenNumber<number, Option> & { readonly default: number },
): NumberRow<number, Option>;
export function number<const Option extends string>(
  row: WrittenNumber<number | null, Option> & { readonly default: null },
): NumberRow<number | null, Option>;
export function number<Option extends string>(
  row: WrittenNumber<number | null, Option> & { readonly default: number | null },
): NumberRow<number | null, Option> {
  return { kind: 'number', whole: true, ...row };
}

/** A choice among the values that have a title. A default of null leaves it to the mode. */
export function choice<Value extends string, const Option extends string>(
  row: Written<ChoiceRow<NoInfer<Value>, Option>> & {
    readonly default: NoInfer<Value>;
    readonly titles: Readonly<Record<Value, string>>;
  },
): ChoiceRow<Value, Option>;
export function choice<Value extends string, const Option extends string>(
  row: Written<ChoiceRow<NoInfer<Value> | null, Option>> & {
    readonly default: null;
    readonly titles: Readonly<Record<Value, string>>;
  },
): ChoiceRow<Value | null, Option>;
export function choice<Option extends string>(
  row: Written<ChoiceRow<string | null, Option>> & { readonly default: string | null },
): ChoiceRow<string | null, Option> {
  return { kind: 'choice', ...row };
}

export function flag<const Option extends string>(
  row: Written<FlagRow<Option>> & { readonly default: boolean },
): FlagRow<Option> {
  return { kind: 'flag', ...row };
}

export function name<Value extends string, const Option extends string>(
  row: Written<NameRow<Value, Option>> & { readonly default: Value },
): NameRow<Value, Option> {
  return { kind: 'name', ...row };
}

/** Titles by id, of a table whose rows have one. */
export function titlesOf<Id extends string>(
  rows: Readonly<Record<Id, { readonly title: string }>>,
): Readonly<Record<Id, string>> {
  const entries = Object.entries<{ readonly title: string }>(rows).map(([id, { title }]) => [id, title]);
  return Object.fromEntries(entries) as Record<Id, string>;
}

/** "GELU is smooth; ReLU² is ...": of a table whose rows have a title and a summary. */
export function summariesOf(
  rows: Readonly<Record<string, { readonly title: string; readonly summary: string }>>,
): string {
  return Object.values(rows)
    .map(({ title, summary }) => `${title} ${summary}`)
    .join('; ');
}
