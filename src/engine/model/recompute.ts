/** Trading compute for memory: what the backward pass of a block recomputes because the forward pass did not keep it. */
import { geluForward } from '../kernels/gelu.ts';
import type { Operation, Target } from '../kernels/operation.ts';
import { layernormRecompute } from '../kernels/rows.ts';
import { activationsInBlock, parameter, residualInto } from './forward.ts';
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
  const { norm1, stats1, residualMid, norm2, stats2, preActivation, activation } = blocks[layer]!;
  const h = `h.${layer}`;
  const gelu = geluForward(target, {
    label: `${h}.mlp.gelu`,
    preActivation,
    out: activation,
    elements: rows * 4 * gpt.width,
  });
  if (level === 'gelu') return [gelu];
  const norms = [
    { name: `${h}.ln_1`, inp: residualInto(tensors, layer), stats: stats1, out: norm1 },
    { name: `${h}.ln_2`, inp: residualMid, stats: stats2, out: norm2 },
  ].map(({ name, ...operands }) =>
    layernormRecompute(target, {
      ...operands,
      label: name,
      weight: parameter(tensors, `${name}.weight`).master,
      bias: parameter(tensors, `${name}.bias`).master,
      rows,
      width: gpt.width,
    }),
  );
  return [gelu, ...norms];
}
