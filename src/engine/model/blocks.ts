/** What the blocks keep from forward to backward, and what they share because it is recomputed. */

import { microBatchOf, type RecomputeLevel, type TrainConfig } from '../config/trainConfig.ts';
import type { MemoryCategory } from '../core/memoryCategories.ts';
import type { ElementType, Operand, Tensor, TensorSlice } from '../gpu/tensor.ts';
import type { Recipe } from '../precision/recipes.ts';
import { inGroups, type QuantizedTensors, scaledBy } from './scales.ts';

/** Values that the forward pass of a block makes and its backward pass reads. R = B * T rows. */
export interface BlockTensors {
  readonly normInput1: Operand; // (R, C), as ln_1 reads the residual stream: itself, or a copy in groups
  readonly norm1: Operand; // (R, C)
  readonly stats1: Tensor; // (R, 2)
  readonly qkv: Tensor; // (R, 3, H, D)
  readonly lse: Tensor; // (B * H, T)
  readonly attention: Tensor; // (R, C)
  readonly attentionOperand: Operand; // (R, C), as c_proj reads it
  readonly residualMid: Tensor; // (R, C), after attention
  readonly normInput2: Operand; // (R, C), as ln_2 reads it
  readonly norm2: Operand; // (R, C)
  readonly stats2: Tensor; // (R, 2)
  readonly preActivation: Operand; // (R, 4C)
  readonly activation: Operand; // (R, 4C)
  readonly residualOut: Tensor; // (R, C), after the MLP
}

type Field = keyof BlockTensors;

/**
 * What all blocks share one tensor for: the backward pass recomputes it, a block at a time, or reads a copy of it in groups.
 */
function isShared(field: Field, level: RecomputeLevel, grouped: boolean): boolean {
  if (level === 'block') return field !== 'residualOut';
  if (field === 'residualMid') return grouped;
  if (field === 'activation') return level !== 'none';
  return level === 'gelu-ln' && (field === 'norm1' || field === 'norm2');
}

/**
 * @param residual0 what the first block reads
 * @param add plans a tensor and returns it
 * @param quantized of a mode that stores matmul operands in fewer bits
 */
export function planBlocks(
  config: TrainConfig,
  { roles }: Recipe,
  residual0: Tensor,
  add: (category: MemoryCategory, name: string, type: ElementType, elements: number) => Tensor,
  quantized?: QuantizedTensors,
): BlockTensors[] {
  const { context: T, width: C, heads: H, layers, recompute } = config;
  const B = microBatchOf(config);
  const R = B * T;
  const { activation, preActivation } = quantized?.formats ?? roles;
  const grouped = quantized?.activations === '1x16';
  const shared = new Map<string, Tensor>();
  const share = (name: string, type: ElementType, elements: number): Tensor => {
    const made = shared.get(name) ?? add('activations', name, type, elements);
    shared.set(name, made);
    return made;
  };
  let residual = residual0;
  return Array.from({ length: layers }, (_, layer) => {
    const tensor = (field: Field, name: string, type: ElementType, elements: number): Tensor =>
      isShared(field, recompute, grouped)
        ? share(name, type, elements)
        : add('activations', `h.${layer}.${name}`, type, elements);
    /** With its scales, which are shared where it is. */
    const inGroupsOf = (field: Field, name: string, type: ElementType, elements: number): TensorSlice =>
      inGroups(tensor(field, name, type, elements), (words) => tensor(field, `${name}.groups`, 'u32', words));
    const normInput = (field: Field, name: string, inp: Tensor): Operand =>
      quantized && grouped ? inGroupsOf(field, name, quantized.formats.normInput, R * C) : inp;
    const operand = (name: string, made: Tensor): Operand =>
      quantized ? scaledBy(quantized, `h.${layer}.${name}`, made, made.elements) : made;
    const attention = tensor('attention', 'attn', roles.attention, R * C);
    const residualMid = tensor('residualMid', 'attn.c_proj', roles.residual, R * C);
    const normInput1 = normInput('normInput1', 'ln_1 input', residual);
    // With copies in groups the stream itself needs two places: a block reads one, fills the other, and comes back.
    const residualOut =
      grouped && recompute !== 'block'
        ? residual
        : tensor('residualOut', 'mlp.c_proj', roles.residual, R * C);
    residual = residualOut;
    return {
      normInput1,
      norm1: operand('ln_1', tensor('norm1', 'ln_1', activation, R * C)),
      stats1: tensor('stats1', 'ln_1.stats', 'f32', R * 2),
      qkv: tensor('qkv', 'attn.c_attn', roles.attention, R * 3 * C),
      lse: tensor('lse', 'attn.lse', 'f32', B * H * T),
      attention,
      // Attention keeps its own: the copy is made again for backward.
      attentionOperand: quantized ? operand('attn', share('attn operand', activation, R * C)) : attention,
      residualMid,
      normInput2: normInput('normInput2', 'ln_2 input', residualMid),
      norm2: operand('ln_2', tensor('norm2', 'ln_2', activation, R * C)),
      stats2: tensor('stats2', 'ln_2.stats', 'f32', R * 2),
      preActivation: grouped
        ? inGroupsOf('preActivation', 'mlp.c_fc', preActivation, R * 4 * C)
        : operand('mlp.c_fc', tensor('preActivation', 'mlp.c_fc', preActivation, R * 4 * C)),
      activation: operand('mlp.gelu', tensor('activation', 'mlp.gelu', activation, R * 4 * C)),
      residualOut,
    };
  });
}
