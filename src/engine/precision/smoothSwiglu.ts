/** Smooth-SwiGLU: scales that keep outliers of a gated MLP's product in range before it is quantised. */
import { type RecipeRow, storagesOf } from './recipe.ts';
import type { BlockScale } from './storage.ts';

export const SMOOTH_SWIGLU_TABLE = {
  off: { title: 'off', summary: 'leaves it to the scale of the tensor' },
  token: {
    title: 'scale per token',
    summary: "divides each token by the largest of its linear branch, as the paper's authors do in code",
  },
  channel: {
    title: 'scale per channel',
    summary: 'divides each channel by the largest of its linear branch, as the paper says',
  },
} as const;
export type SmoothSwiglu = keyof typeof SMOOTH_SWIGLU_TABLE;

/** The scales of the product (rows, hidden); undefined where it has none. */
export function smoothScales(
  smooth: SmoothSwiglu,
  hidden: number,
): (BlockScale & { readonly given: true }) | undefined {
  if (smooth === 'off') return undefined;
  const given = { as: 'pow2', given: true } as const;
  return smooth === 'token' ? { ...given, block: hidden } : { ...given, columns: hidden };
}

/** Whether a mode quantises activations of the blocks with one scale per tensor, which an outlier takes from all others. */
export function takesSmoothSwiglu(recipe: RecipeRow): boolean {
  return storagesOf(recipe, 'activation').some(
    ({ scales }) => scales?.length === 1 && scales[0]!.per === 'tensor' && scales[0]!.as === 'pow2',
  );
}
