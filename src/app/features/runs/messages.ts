/** Sentences about the runs of the history. */
import { PRESETS, type PrecisionMode, variantTitle } from '../../../engine/index.ts';
import { changesBetween, previousOf, type SettingValue } from '../../../store/history/changes.ts';
import type { HistoryState } from '../../../store/history/historyStore.ts';
import type { RunRecord } from '../../../store/history/record.ts';
import { formatCount, formatMiB, formatPowerOfTwo } from '../../format.ts';

/** The title of a preset; presets of other versions keep their name. */
export function presetTitle(preset: string): string {
  return Object.hasOwn(PRESETS, preset) ? PRESETS[preset as keyof typeof PRESETS].title : preset;
}

/** `learning rate` for learningRate. */
export function settingName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export function settingText(name: string, value: SettingValue): string {
  if (value === null) return 'default';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') {
    if (name === 'preset') return presetTitle(value);
    return name === 'precision' ? variantTitle(value as PrecisionMode) : value;
  }
  if (name === 'lossScale' && Number.isInteger(Math.log2(value))) return formatPowerOfTwo(Math.log2(value));
  return Number.isInteger(value) && name !== 'seed' ? formatCount(value) : String(value);
}

const CHANGES_NAMED = 3;

/** The requested settings that differ from the previous run of the same preset. */
export function changeSentence(run: RunRecord, runs: readonly RunRecord[]): string {
  const previous = previousOf(run, runs);
  if (!previous) return `First run of ${presetTitle(run.preset)}`;
  const changes = changesBetween(previous, run);
  if (changes.length === 0) return `Same settings as ${previous.name}`;
  const named = changes
    .slice(0, CHANGES_NAMED)
    .map(
      ({ name, from, to }) => `${settingName(name)} ${settingText(name, from)} → ${settingText(name, to)}`,
    );
  const more = changes.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''} since ${previous.name}`;
}

export function countRuns(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'run' : 'runs'}`;
}

export function formatSize(bytes: number): string {
  return bytes < 2 ** 20 ? `${formatCount(Math.ceil(bytes / 1024))} KiB` : formatMiB(bytes);
}

export function importSentence(added: number, inFile: number): string {
  const known = inFile - added;
  if (inFile === 0) return 'The bundle holds no runs.';
  if (added === 0)
    return `Nothing to import: ${countRuns(known)} of the file ${known === 1 ? 'is' : 'are'} here already.`;
  return `${countRuns(added)} imported.${known > 0 ? ` ${countRuns(known)} ${known === 1 ? 'was' : 'were'} here already.` : ''}`;
}

/** The sentence shown while a removal can be undone. */
export function removedSentence(count: number, name: string | null): string {
  return `Deleted ${count === 1 && name !== null ? name : countRuns(count)}.`;
}

/** Which part of a run is not stored, when there is a reason; otherwise null. */
export function storageMark(
  { unsaved, changes, problem }: Pick<HistoryState, 'unsaved' | 'changes' | 'problem'>,
  id: string,
): string | null {
  if (problem === null) return null;
  if (unsaved.has(id)) return 'in this tab only';
  return changes.has(id) ? 'changed in this tab only' : null;
}
