/** Trading compute for memory: what the backward pass of a block recomputes because the forward pass did not keep it. */
import { geluForward } from '../kernels/gelu.ts';
import type { Operation, Target } from '../kernels/operation.ts';
import { layernormRecompute } from '../kernels/rows.ts';
import type { Tensor } from '../tensor.ts';
import type { TrainConfig } from '../train/config.ts';
import type { BlockTensors } from './blocks.ts';
import { activationsInBlock, parameter, residualInto } from './forward.ts';
import type { RunTensors } from './tensors.ts';

/**
 * Operations that fill the shared tensors of block `layer` again, with the bits the forward pass had there: the same
 * functions of the same stored values. What overflows in them overflowed in the forward pass, whose sites come first.
 */
export function recompute(
  target: Target,
  tensors: RunTensors,
  { recompute: level, batch }: TrainConfig,
  layer: number,
): Operation[] {
  // No block has written to them since the last one's forward pass.
  if (layer === tensors.blocks.length - 1) return [];
  if (level === 'block') return activationsInBlock(target, tensors, layer, batch, tensors.found);
  const block = tensors.blocks[layer]!;
  const { rows, gpt } = tensors;
  const operations: Operation[] = [];
  const norm = (name: string, inp: Tensor, out: keyof BlockTensors, stats: keyof BlockTensors) =>
    layernormRecompute(target, {
      label: name,
      inp,
      weight: parameter(tensors, `${name}.weight`).master,
      bias: parameter(tensors, `${name}.bias`).master,
      stats: block[stats],
      out: block[out],
      rows,
      width: gpt.width,
    });
  if (level === 'gelu-ln') {
    operations.push(
      norm(`h.${layer}.ln_1`, residualInto(tensors, layer), 'norm1', 'stats1'),
      norm(`h.${layer}.ln_2`, block.residualMid, 'norm2', 'stats2'),
    );
  }
  if (level === 'gelu' || level === 'gelu-ln') {
    operations.push(
      geluForward(target, {
        label: `h.${layer}.mlp.gelu`,
        preActivation: block.preActivation,
        out: block.activation,
        elements: rows * 4 * gpt.width,
      }),
    );
  }
  return operations;
}
