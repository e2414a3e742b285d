/** The preset follows the adapter, as long as the visitor has chosen neither it nor what decides the time of a step. */
import { isPresetOpen, openPreset, PRESET_NAMES, type PresetName } from '../engine/index.ts';
import type { MetricsLog } from './metricsLog.ts';
import { overridesOf, settingsProblem } from './settings.ts';
import { useSettings } from './settingsStore.ts';
import { type PresetAdapted, useUi } from './uiStore.ts';

/** A step of this many milliseconds makes the first minute of a visit dull. */
const SLOW_STEP_MS = 400;

/** Milliseconds of a step once warm: the shorter of the second and the third; null before there are three. */
export function warmStepMs(log: Pick<MetricsLog, 'length' | 'columns'>): number | null {
  if (log.length < 3) return null;
  const { time } = log.columns;
  return Math.min(time[1]! - time[0]!, time[2]! - time[1]!);
}

/** The next smaller preset; null below the smallest. */
export function smallerPreset(preset: PresetName): PresetName | null {
  return PRESET_NAMES[PRESET_NAMES.indexOf(preset) - 1] ?? null;
}

export function adaptToAdapter(isFallback: boolean): void {
  const { preset } = useSettings.getState().settings;
  const open = openPreset({ isFallback }, preset);
  if (open !== preset) adapt(open, { why: 'software', from: preset });
}

/** Whether the preset was lowered because its first steps were slow: then what trains is to be started anew. */
export function adaptToSpeed(log: Pick<MetricsLog, 'length' | 'columns'>): boolean {
  const stepMs = warmStepMs(log);
  const { preset } = useSettings.getState().settings;
  const smaller = smallerPreset(preset);
  if (stepMs === null || stepMs <= SLOW_STEP_MS || !smaller) return false;
  return adapt(smaller, { why: 'slow', from: preset, stepMs });
}

/** Goes back to the preset that was lowered, for good. */
export function undoAdaptation(): void {
  const { presetAdapted } = useUi.getState();
  useUi.setState({ presetAdapted: null });
  if (presetAdapted) useSettings.getState().choose({ preset: presetAdapted.from });
}

function adapt(preset: PresetName, presetAdapted: PresetAdapted): boolean {
  const { presetChosen, settings } = useSettings.getState();
  if (!isPresetOpen(presetChosen, overridesOf(settings))) return false;
  const adapted = { ...settings, preset };
  // What was chosen was checked with the preset before: a long warm-up, say, does not go with a short run.
  if (settingsProblem(adapted) && !settingsProblem(settings)) return false;
  useSettings.setState({ settings: adapted });
  useUi.setState({ presetAdapted });
  return true;
}
