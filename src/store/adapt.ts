/**
 * Adapts the preset to the adapter, unless the visitor chose the preset or a setting that decides the time of a step.
 */
import { isPresetOpen, openPreset, PRESET_NAMES, type PresetName } from '../engine/index.ts';
import type { MetricsLog } from './metricsLog.ts';
import { overridesOf, settingsProblem } from './settings.ts';
import { useSettings } from './settingsStore.ts';
import { forgetAdaptation, type PresetAdapted, useUi } from './uiStore.ts';

/** Steps that take longer than this many milliseconds make the first minute of a visit dull. */
const SLOW_STEP_MS = 400;

/** Milliseconds of a warmed-up step: the shorter of the second and the third; null before there are three. */
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

/** Lowers the preset if its first steps were slow. @returns whether it did, so that the training has to restart */
export function adaptToSpeed(log: Pick<MetricsLog, 'length' | 'columns'>): boolean {
  const stepMs = warmStepMs(log);
  const { preset } = useSettings.getState().settings;
  const smaller = smallerPreset(preset);
  if (stepMs === null || stepMs <= SLOW_STEP_MS || !smaller) return false;
  return adapt(smaller, { why: 'slow', from: preset, stepMs });
}

/** Restores the preset that the page lowered, and keeps it. */
export function undoAdaptation(): void {
  const { presetAdapted } = useUi.getState();
  forgetAdaptation();
  if (presetAdapted) useSettings.getState().choose({ preset: presetAdapted.from });
}

function adapt(preset: PresetName, presetAdapted: PresetAdapted): boolean {
  const { presetChosen, settings } = useSettings.getState();
  if (!isPresetOpen(presetChosen, overridesOf(settings))) return false;
  const adapted = { ...settings, preset };
  // The chosen values were checked with the previous preset and may not fit this one: a long warm-up does not fit a
  // short run.
  if (settingsProblem(adapted) && !settingsProblem(settings)) return false;
  useSettings.setState({ settings: adapted });
  useUi.setState({ presetAdapted });
  return true;
}
