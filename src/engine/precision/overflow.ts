/** What happens to gradients that overflow in f16 where no scaler keeps them in range, besides skipping the step. */
import type { FormatId, SaturatingHalf } from './formats.ts';
import { type RecipeRow, storesHalves } from './recipe.ts';
import type { Role, Storage } from './storage.ts';

/**
 * `skip` leaves the step out, as every mode does. `clamp` stores the largest f16 value instead of infinity, and `zero` replaces
 * non-finite gradients of parameters by zero and applies the step, whatever overflowed: both are what other trainers do.
 */
export const OVERFLOW_POLICIES = ['skip', 'clamp', 'zero'] as const;
export type OverflowPolicy = (typeof OVERFLOW_POLICIES)[number];

/** Roles of gradients. Attention stores q, k and v and their gradients in one format. */
const GRADIENTS: readonly Role[] = ['outputGradient', 'attention', 'residualGradient', 'gradient'];

const SATURATING: Readonly<Partial<Record<FormatId, SaturatingHalf>>> = {
  f16: 'f16-clamp',
  'f16-flush': 'f16-flush-clamp',
};

/** Whether gradients may overflow in a mode without a scaler that reacts to it. */
export function canOverflow(recipe: RecipeRow): boolean {
  return recipe.scaling.kind !== 'dynamic' && storesHalves(recipe);
}

/** The row with gradients stored in formats that saturate. */
export function withClampedGradients(row: RecipeRow): RecipeRow {
  const clamped = GRADIENTS.map((role): [Role, Storage] => {
    const storage = row.storages[role];
    return [role, { ...storage, format: SATURATING[storage.format] ?? storage.format }];
  });
  return { ...row, storages: { ...row.storages, ...Object.fromEntries(clamped) } };
}
