/** What the table of settings says, as the page writes it. */
import {
  type NumberField,
  rangeOf,
  rowOf,
  SETTING_GROUPS,
  type SettingGroup,
} from '../../../engine/index.ts';
import { fieldOf, type NumberSetting, PRESET_SETTINGS, type PresetSetting } from '../../../store/settings.ts';

/** Where a field cannot be changed. */
export const BY_FILE = 'Taken from the file that the run starts from.';

/** What a setting does, as a sentence. */
export function helpOf(key: PresetSetting): string {
  const { help } = rowOf(fieldOf(key));
  return `${help[0]!.toUpperCase()}${help.slice(1)}.`;
}

/** The values of a choice as settings have them, and what each is called; none of numbers. */
export function titlesOf(key: PresetSetting): Readonly<Record<string, string>> {
  const row = rowOf(fieldOf(key));
  if (row.kind === 'number') return {};
  return row.kind === 'flag' ? { '0': row.titles.off, '1': row.titles.on } : row.titles;
}

/** The settings of a group, in the order of the table. */
export function settingsIn(group: SettingGroup): PresetSetting[] {
  return PRESET_SETTINGS.filter((key) => rowOf(fieldOf(key)).group === group);
}

export interface Group {
  readonly title: string;
  readonly testId: string;
  readonly settings: readonly PresetSetting[];
}

/** Of a field: the name that the setting had first, by which programs that drive the page know it. */
export function testIdOf(key: PresetSetting): string {
  if (key === 'sample') return 'sample-setting'; // the button that requests a sample has the name itself
  return rowOf(fieldOf(key)).formerly?.[0] ?? key;
}

/** Of groups that programs know by another name. */
const TEST_IDS: Partial<Record<SettingGroup, string>> = { quantization: 'group-fp8', scaling: 'advanced' };

/** Steps and seed stand above the groups: they are what people change most. What belongs to modes stands beside them. */
export const GROUPS: readonly Group[] = (Object.entries(SETTING_GROUPS) as [SettingGroup, string][])
  .filter(([group]) => group !== 'run' && group !== 'modes')
  .map(([group, title]) => ({
    title,
    testId: TEST_IDS[group] ?? `group-${group}`,
    settings: settingsIn(group),
  }));

const digits = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 });

/** "1 to 1,024": what a number may be on its own. */
export function rangeWords(key: NumberSetting): string {
  const { low, high } = rangeOf(fieldOf(key) as NumberField);
  const from = low > 0 && low < 1e-6 ? String(low) : digits.format(low);
  return `${from} to ${high > 1e12 ? `2^${Math.log2(high)}` : digits.format(high)}`;
}

/** "3 changes", "1 change". */
export function countChanges(count: number): string {
  return count === 1 ? '1 change' : `${count} changes`;
}
