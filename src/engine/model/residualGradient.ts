/** The gradient of the residual stream, which all its values share. */
import { roundsResidualGradient } from '../precision/recipe.ts';
import type { Pass } from './pass.ts';
import type { Site } from './site.ts';
import type { GradientPlace } from './value.ts';

/**
 * Where the gradient of the residual stream is collected, in the form read by the layer that produced the value.
 * @param earlier the gradient of an earlier value of the stream. Both share one tensor, since an addition passes its gradient
 * on unchanged
 * @param isRead whether matmuls read it, and not only a copy that the layer makes
 */
export function residualGradient(
  pass: Pass,
  site: Site,
  earlier?: GradientPlace,
  isRead = true,
): GradientPlace {
  const { recipe, gpt } = pass.run;
  const elements = pass.rows * gpt.width;
  // No matmul reads the gradient of the embedding. It is rounded as in the first block, so that an overflow is found there too.
  const reader = { block: site.block ?? 0, blocks: gpt.layers };
  const rounded =
    isRead && roundsResidualGradient(recipe, reader)
      ? pass.scratch('residual gradient operand', pass.storage('outputGradient', reader).format, elements)
      : undefined;
  const tensor = pass.scratch('residual gradient', pass.format('residualGradient'), elements);
  return { site, tensor, rounded, collected: earlier?.collected ?? { written: false } };
}
