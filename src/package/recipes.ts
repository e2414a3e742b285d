/** Precision modes as data: programs read the built-in ones and define their own. */
import {
  describeRecipe,
  type ModeDescription,
  type PrecisionMode,
  recipeOf as recipeOfMode,
} from '../engine/index.ts';

/** A precision mode: a format for each role, and the other fields that `defineMode` takes. */
export type Recipe = ModeDescription<PrecisionMode>;

/**
 * The recipe called `id`, which a program may spread and change.
 * @throws EngineError UNKNOWN_MODE with the nearest existing name
 */
export function recipeOf(id: string): Recipe {
  return describeRecipe(recipeOfMode(id));
}
