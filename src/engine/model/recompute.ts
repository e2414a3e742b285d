/** Trading compute for memory: what the backward pass of a block recomputes because the forward pass did not keep it. */
import type { Operation, Target } from '../gpu/operation.ts';
import { layernormRecompute } from '../kernels/rows.ts';
import { activationsInBlock, geluOf, parameter, stored } from './forward.ts';
import type { RunTensors } from './tensors.ts';

/**
 * Operations that fill the shared tensors of block `layer` again, with the bits the forward pass had there: the same
 * functions of the same stored values. What overflows in them overflowed in the forward pass, whose sites come first.
 */
export function recompute(
  target: Target,
  tensors: RunTensors,
  layer: number,
  batch: number,
): readonly Operation[] {
  const { recompute: level, blocks, rows, gpt, found } = tensors;
  // Of the last block everything is still there.
  if (level === 'none' || layer === blocks.length - 1) return [];
  if (level === 'block') return activationsInBlock(target, tensors, layer, batch, found);
  const { normInput1, norm1, stats1, normInput2, norm2, stats2 } = blocks[layer]!;
  const h = `h.${layer}`;
  const gelu = geluOf(target, tensors, layer, rows);
  if (level === 'gelu') return gelu;
  const norms = [
    { name: `${h}.ln_1`, inp: normInput1, stats: stats1, out: norm1 },
    { name: `${h}.ln_2`, inp: normInput2, stats: stats2, out: norm2 },
  ].flatMap(({ name, ...operands }) =>
    stored(target, tensors, name, operands.out, rows * gpt.width, (out) =>
      layernormRecompute(target, {
        ...operands,
        out,
        label: name,
        weight: parameter(tensors, `${name}.weight`).master,
        bias: parameter(tensors, `${name}.bias`).master,
        rows,
        width: gpt.width,
      }),
    ),
  );
  return [...gelu, ...norms];
}
