/** The precision modes that differ in what they store, and the storages that differ on an adapter. */
import type { FormatId, HalfStorage } from '../../../src/engine/precision/formats.ts';
import {
  PRECISION_MODES,
  type PrecisionMode,
  type Recipe,
  type Role,
  recipeOf,
} from '../../../src/engine/precision/recipes.ts';

export interface StoredMode {
  readonly title: string;
  readonly recipe: Recipe;
  readonly half: HalfStorage;
}

const isHalf = (format: FormatId): boolean => format === 'f16' || format === 'f16-flush';
export const usesHalves = ({ roles }: Recipe): boolean => Object.values(roles).some(isHalf);

/** One recipe for each distinct table of roles and rounding of masters; those with halves once a storage. */
export function storedModes(storages: readonly HalfStorage[]): StoredMode[] {
  return distinct(
    storages,
    ({ roles, masterRounding }) => [roles, masterRounding],
    (recipe) => usesHalves(recipe),
  );
}

/** One recipe for each row of formats that it gives these roles: for kernels whose operands all have one of them, or are f32. */
export function modesByRoles(some: readonly Role[], storages: readonly HalfStorage[]): StoredMode[] {
  return distinct(
    storages,
    ({ roles }) => some.map((role) => roles[role]),
    ({ roles }) => some.some((role) => isHalf(roles[role])),
  );
}

function distinct(
  storages: readonly HalfStorage[],
  stored: (recipe: Recipe) => unknown,
  hasHalves: (recipe: Recipe) => boolean,
): StoredMode[] {
  const modes: StoredMode[] = [];
  const seen = new Set<string>();
  for (const id of PRECISION_MODES) {
    const recipe = recipeOf(id);
    const key = JSON.stringify(stored(recipe));
    if (seen.has(key)) continue;
    seen.add(key);
    if (!hasHalves(recipe)) modes.push({ title: id, recipe, half: 'packed' });
    else for (const half of storages) modes.push({ title: `${id} ${half}`, recipe, half });
  }
  return modes;
}

export function storedMode(id: PrecisionMode, half: HalfStorage): StoredMode {
  return { title: usesHalves(recipeOf(id)) ? `${id} ${half}` : id, recipe: recipeOf(id), half };
}

/**
 * A mode for each way of holding four elements: enough for a second form of a kernel, which reads and writes through the
 * same preludes.
 */
export function fewModes(): StoredMode[] {
  return [storedMode('fp32', 'packed'), storedMode('fp16', 'native'), storedMode('fp16-pure', 'packed')];
}
