/** How the fields for modes change the settings. */
import { delaysScales, type PrecisionMode, storesFp8 } from '../../engine/precision/recipes.ts';
import { isSimulatedMode, type SimulatedMode } from '../../engine/precision/simulated.ts';
import type { Settings } from '../../store/settings.ts';

/** Value of the one entry of a menu that stands for all simulated modes. */
export const SIMULATED = 'simulated';

/** What that entry chooses, the first that is not taken yet. */
const FIRST_SIMULATED: readonly SimulatedMode[] = ['e8m3', 'e8m2', 'e8m1', 'e5m2'];

/** The entry of a mode. */
export function optionOf(mode: PrecisionMode | undefined): string {
  return mode !== undefined && isSimulatedMode(mode) ? SIMULATED : (mode ?? '');
}

/** The mode that an entry chooses beside `modes`. */
export function modeOf(option: string, modes: readonly PrecisionMode[]): PrecisionMode {
  if (option !== SIMULATED) return option as PrecisionMode;
  return FIRST_SIMULATED.find((mode) => !modes.includes(mode)) ?? FIRST_SIMULATED[0]!;
}

/** `modes` with `mode` at `place`; where it stood before stands what was at `place`. */
export function replaced(
  modes: readonly PrecisionMode[],
  place: number,
  mode: PrecisionMode,
): PrecisionMode[] {
  const before = modes[place];
  const changed = modes.map((other) => (other === mode && before ? before : other));
  changed[place] = mode;
  return [...new Set(changed)];
}

/** The change that chooses `modes`: what only some modes take goes with the last of them. */
export function chosenModes(modes: readonly PrecisionMode[]): Partial<Settings> {
  return {
    modes,
    ...(!modes.some(isSimulatedMode) && { rounding: null }),
    ...(!modes.some(storesFp8) && { 'fp8-head': null }),
    ...(!modes.some(delaysScales) && { 'amax-history': null, 'amax-algo': null, 'fp8-margin': null }),
  };
}
