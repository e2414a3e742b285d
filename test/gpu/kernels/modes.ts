/** The precision modes that differ in what they store, and the storages that differ on an adapter. */
import { type DescribedRole, describeRecipe } from '../../../src/engine/precision/description.ts';
import type { FormatId, HalfStorage } from '../../../src/engine/precision/formats.ts';
import { storesHalves } from '../../../src/engine/precision/recipe.ts';
import {
  PRECISION_MODES,
  type PrecisionMode,
  type Recipe,
  recipeOf,
} from '../../../src/engine/precision/recipes.ts';

export interface StoredMode {
  readonly title: string;
  readonly recipe: Recipe;
  readonly half: HalfStorage;
}

const isHalf = (format: FormatId): boolean => format === 'f16' || format === 'f16-flush';

/** The format of each role where nothing is quantised. */
export const rolesOf = (recipe: Recipe): Readonly<Record<DescribedRole, FormatId>> =>
  describeRecipe(recipe).roles;

/** One recipe for each distinct table of roles and rounding of masters; those with halves once a storage. */
export function storedModes(storages: readonly HalfStorage[]): StoredMode[] {
  return distinct(storages, ({ storages }) => storages, storesHalves);
}

/** One recipe for each row of formats that it gives these roles: for kernels whose operands all have one of them, or are f32. */
export function modesByRoles(some: readonly DescribedRole[], storages: readonly HalfStorage[]): StoredMode[] {
  return distinct(
    storages,
    ({ storages }) => some.map((role) => storages[role].format),
    ({ storages }) => some.some((role) => isHalf(storages[role].format)),
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
  return { title: storesHalves(recipeOf(id)) ? `${id} ${half}` : id, recipe: recipeOf(id), half };
}

/**
 * A mode for each way of holding four elements: enough for a second form of a kernel, which reads and writes through the
 * same preludes.
 */
export function fewModes(): StoredMode[] {
  return [storedMode('fp32', 'packed'), storedMode('fp16', 'native'), storedMode('fp16-pure', 'packed')];
}
