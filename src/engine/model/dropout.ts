/** Dropout while a pass is built: where it is on, and the gradient through it. */
import { streamOf } from '../core/rng.ts';
import type { RowDropout } from '../kernels/dropout.ts';
import { roundsResidualGradient } from '../precision/recipe.ts';
import type { Pass } from './pass.ts';
import type { Site } from './site.ts';
import type { GradientPlace } from './value.ts';

/** What is dropped of a site's tensor; undefined in runs without dropout and in passes that do not train. */
export function dropoutAt({ run, trains }: Pass, { name }: Site): RowDropout | undefined {
  const { dropout: rate, gpt, windowTable: windows } = run;
  return windows && trains && rate > 0
    ? { rate, stream: streamOf(name), windows, context: gpt.context }
    : undefined;
}

/**
 * Emits the gradient of what dropout read, (rows, C), from that of its result, which the residual stream shares and which
 * therefore stays as it is. In blocks, where matmuls read it, it is rounded as they read it.
 * @param width C
 */
export function droppedGradient(
  pass: Pass,
  of: GradientPlace,
  dropout: RowDropout,
  width: number,
): GradientPlace {
  const { rows, found } = pass;
  const { tensor: dout, site } = of;
  const label = `dropped gradient at ${site.name}`;
  const elements = rows * width;
  const dinp = pass.scratch('dropped gradient', pass.format('residualGradient'), elements);
  const { recipe, gpt } = pass.run;
  const rounds =
    site.block !== null && roundsResidualGradient(recipe, { block: site.block, blocks: gpt.layers });
  const rounded = rounds
    ? pass.scratch('residual gradient operand', pass.storage('outputGradient', site).format, elements)
    : undefined;
  pass.emit(
    (target, { dropoutBackward }) =>
      dropoutBackward(target, { label, dout, dinp, rounded, dropout, rows, width, found }),
    {
      ...{ name: label, kind: 'activationGradient', block: site.block },
      ...{ operand: rounded ?? dinp, slot: rounded ? 'rounded' : 'dinp' },
    },
  );
  return { ...of, tensor: dinp, rounded };
}
