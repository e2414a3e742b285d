/** How the mode fields change the settings. */
import {
  isSimulatedMode,
  isTaken,
  modeOfVariant,
  offeredSettings,
  parseVariant,
  type SimulatedMode,
  type VariantId,
  variantId,
} from '../../../engine/index.ts';
import { fieldOf, modesOf, PRESET_SETTINGS, type Settings } from '../../../store/settings.ts';

/** Value of the menu entry for all simulated modes. */
export const SIMULATED = 'simulated';

/** Value of the menu entry that makes a variant of the mode in that field, or of the first mode. */
export const VARIANT = 'variant';

/** Modes that the simulated entry chooses: the first one not chosen yet. */
const FIRST_SIMULATED: readonly SimulatedMode[] = ['e8m3', 'e8m2', 'e8m1', 'e5m2'];

/** The menu entry of a mode or a variant. */
export function optionOf(id: VariantId | undefined): string {
  const mode = id && modeOfVariant(id);
  return mode !== undefined && isSimulatedMode(mode) ? SIMULATED : (mode ?? '');
}

/** The mode that a menu entry chooses in field number `place`. */
export function modeOf(option: string, modes: readonly VariantId[], place: number): VariantId {
  if (option === VARIANT) return newVariant(modes[place] ?? modes[0] ?? 'fp16', modes);
  if (option !== SIMULATED) return option as VariantId;
  return FIRST_SIMULATED.find((mode) => !modes.includes(mode)) ?? FIRST_SIMULATED[0]!;
}

/** `id` with the first setting that makes it different from all of `modes`. */
function newVariant(id: VariantId, modes: readonly VariantId[]): VariantId {
  const variant = parseVariant(id);
  const ids = offeredSettings(variant).map(({ field, value }) =>
    variantId({ ...variant, settings: new Map(variant.settings).set(field, value) }),
  );
  return ids.find((other) => !modes.includes(other)) ?? id;
}

/** `modes` with `mode` at `place`. If it was chosen elsewhere, the two swap. */
export function replaced(modes: readonly VariantId[], place: number, mode: VariantId): VariantId[] {
  const before = modes[place];
  const changed = modes.map((other) => (other === mode && before ? before : other));
  changed[place] = mode;
  return [...new Set(changed)];
}

/** The change that chooses `modes`: what only some modes take goes with the last of them. */
export function chosenModes(modes: readonly VariantId[]): Partial<Settings> {
  const taken = modesOf({ modes });
  const untaken = PRESET_SETTINGS.filter((key) => !taken.some((mode) => isTaken(fieldOf(key), mode)));
  return { modes, ...Object.fromEntries(untaken.map((key) => [key, null])) };
}
