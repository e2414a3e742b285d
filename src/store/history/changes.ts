/** Differences between the settings of runs. */
import type { RunRecord } from './record.ts';

export type SettingValue = string | number | boolean | null;

/** The requested settings by name: the preset, the configuration and the text. */
export function askedFor({ preset, config, facts }: RunRecord): Readonly<Record<string, SettingValue>> {
  return { preset, text: facts.text.name, ...config };
}

/** The latest run of the same preset that ended before this one. */
export function previousOf(run: RunRecord, runs: readonly RunRecord[]): RunRecord | null {
  let previous: RunRecord | null = null;
  for (const other of runs) {
    if (other.preset !== run.preset || other.id === run.id || other.time > run.time) continue;
    if (other.time === run.time && other.id > run.id) continue;
    if (!previous || other.time > previous.time) previous = other;
  }
  return previous;
}

export interface Change {
  readonly name: string;
  readonly from: SettingValue;
  readonly to: SettingValue;
}

export function changesBetween(before: RunRecord, after: RunRecord): Change[] {
  const [old, now] = [askedFor(before), askedFor(after)];
  return namesIn([old, now])
    .map((name) => ({ name, from: old[name] ?? null, to: now[name] ?? null }))
    .filter(({ from, to }) => from !== to);
}

/** Every name of `tables`, once, in the order of appearance. */
export function namesIn(tables: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(tables.flatMap((table) => Object.keys(table)))];
}
