import type { Recipe, Role } from '../precision/recipes.ts';
import { roundTo } from './rounding.ts';

/** What the oracles read: any array of numbers. */
export type Values = Float64Array | Float32Array;

/** Rounds `values` in place as a kernel that stores a tensor of this role does, and returns them. */
export type Store = (role: Role, values: Float64Array) => Float64Array;

export interface StoreOptions {
  /** Leaves roles in f32 unrounded: with f32 only the model is smooth, and finite differences are clean. */
  readonly exact?: boolean;
  /** Sees every tensor as it was stored, in order. It must not keep `values`: they may change later. */
  readonly onStore?: (role: Role, values: Float64Array) => void;
}

/** Rounding at the storage points of a recipe. */
export function storeOf(recipe: Pick<Recipe, 'roles'>, options: StoreOptions = {}): Store {
  const { exact = false, onStore } = options;
  return (role, values) => {
    const format = recipe.roles[role];
    if (!exact || format !== 'f32') {
      for (let i = 0; i < values.length; i++) values[i] = roundTo(format, values[i]!);
    }
    onStore?.(role, values);
    return values;
  };
}
