/**
 * What a row of the table of settings says. Rows are plain data: schemas, the command line, fields of the page, links, files
 * and variants of modes are derived from them.
 */
import type { ErrorCode } from '../../core/errors.ts';
import type { PrecisionMode } from '../../precision/recipes.ts';

/** Where a setting stands in `--help` and on the page. */
export type SettingGroup = 'run' | 'modes' | 'quantization' | 'scaling' | 'model' | 'data' | 'training';

interface SettingWords<Option extends string> {
  /** Its name in commands, links and variants of modes. */
  readonly option: Option;
  /** Other names that are read: of the option or the field in earlier versions. */
  readonly formerly?: readonly string[];
  readonly group: SettingGroup;
  readonly label: string;
  /** What it does, without a capital and a period: a part of `--help`, and of the page's field. */
  readonly help: string;
  readonly unit?: string;
  /** What holds where the value is null, or follows from other settings; of what precision modes decide nothing. */
  readonly standard?: string;
}

/** Which precision modes take a setting. */
export interface TakenBy {
  readonly modes: (mode: PrecisionMode) => boolean;
  /** "has no quantised LM head": what is true of the others. */
  readonly others: string;
  /** Presets give it whatever the mode: only what a run asks for itself is refused. */
  readonly givenByPresets?: boolean;
}

export interface SettingRow<Value, Option extends string = string> extends SettingWords<Option> {
  /** Of a preset that says nothing else, and of files that are older than the setting. */
  readonly default: Value;
  /** All modes where absent. */
  readonly takenBy?: TakenBy;
  /** Values that menus offer where two runs of a comparison can differ in it. */
  readonly compared?: readonly string[];
  /** Whether a saved run may be resumed with another value: none changes what a step computes but for last bits and the schedule. */
  readonly resumable?: boolean;
  /** Whether `plan` takes it: it changes the memory of a run. */
  readonly planned?: boolean;
  /** Values with which public/train_ddp.py continues a run; all where absent. */
  readonly inPyTorch?: readonly Value[];
  /** Settings by field that have no effect beside a value of this one. */
  readonly disables?: Readonly<Record<string, readonly string[]>>;
}

export interface NumberRow<Value extends number | null = number | null, Option extends string = string>
  extends SettingRow<Value, Option> {
  readonly kind: 'number';
  readonly low: number;
  readonly high: number;
  readonly whole: boolean;
  readonly code?: ErrorCode;
  /** Throws an EngineError for a number in the range that is none of its values. */
  readonly check?: (value: number) => unknown;
}

export interface ChoiceRow<Value extends string | null = string | null, Option extends string = string>
  extends SettingRow<Value, Option> {
  readonly kind: 'choice';
  /** Every value, and what the page calls it. */
  readonly titles: Readonly<Record<string, string>>;
}

/** Given by the option alone, as `--untied`. */
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
  /** Throws an EngineError for what is no such name. */
  readonly check: (value: string) => unknown;
}

export type AnyRow = NumberRow | ChoiceRow | FlagRow | NameRow;

type Written<Row extends { readonly kind: string }> = Omit<Row, 'kind' | 'default'>;
type WrittenNumber<Value extends number | null, Option extends string> = Omit<
  Written<NumberRow<Value, Option>>,
  'whole'
> & { readonly whole?: boolean };

/** A whole number unless it says otherwise; null as the default leaves it to the mode or to other settings. */
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

/** A choice among the values that have a title; null as the default leaves it to the mode. */
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
