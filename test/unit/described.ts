import { describeRecipe, type ModeDescription } from '../../src/engine/precision/description.ts';
import { type PrecisionMode, recipeOf } from '../../src/engine/precision/recipes.ts';

/** A mode of the table as programs write it, and as the f64 reference reads it. */
export function described(mode: PrecisionMode): ModeDescription<PrecisionMode> {
  return describeRecipe(recipeOf(mode));
}
