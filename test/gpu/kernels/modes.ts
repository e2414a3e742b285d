/** The precision modes that differ in what they store, and the storages that differ on an adapter. */
import type { HalfStorage } from '../../../src/engine/precision/formats.ts';
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

const usesHalves = ({ roles }: Recipe): boolean =>
  Object.values(roles).some((format) => format === 'f16' || format === 'f16-flush');

/** One recipe for each distinct table of roles and rounding of masters; those with halves once a storage. */
export function storedModes(storages: readonly HalfStorage[]): StoredMode[] {
  const modes: StoredMode[] = [];
  const seen = new Set<string>();
  for (const id of PRECISION_MODES) {
    const recipe = recipeOf(id);
    const stored = JSON.stringify([recipe.roles, recipe.masterRounding]);
    if (seen.has(stored)) continue;
    seen.add(stored);
    if (!usesHalves(recipe)) modes.push({ title: id, recipe, half: 'packed' });
    else for (const half of storages) modes.push({ title: `${id} ${half}`, recipe, half });
  }
  return modes;
}

export function storedMode(id: PrecisionMode, half: HalfStorage): StoredMode {
  return { title: usesHalves(recipeOf(id)) ? `${id} ${half}` : id, recipe: recipeOf(id), half };
}
