/** What the blocks keep from forward to backward, and what they share because it is recomputed. */
import type { MemoryCategory } from '../memoryPlan.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { ElementType, Operand, Tensor } from '../tensor.ts';
import type { TrainConfig } from '../train/config.ts';
import { type QuantizedTensors, scaledBy } from './scales.ts';

/** From the most memory to the least, and from the least work to the most. Losses and weights are the same, bit by bit. */
export const RECOMPUTE_LEVELS = ['none', 'gelu', 'gelu-ln', 'block'] as const;
export type RecomputeLevel = (typeof RECOMPUTE_LEVELS)[number];

/** Values that the forward pass of a block makes and its backward pass reads. R = B * T rows. */
export interface BlockTensors {
  readonly norm1: Operand; // (R, C)
  readonly stats1: Tensor; // (R, 2)
  readonly qkv: Tensor; // (R, 3, H, D)
  readonly lse: Tensor; // (B * H, T)
  readonly attention: Tensor; // (R, C)
  readonly attentionOperand: Operand; // (R, C), as c_proj reads it
  readonly residualMid: Tensor; // (R, C), after attention
  readonly norm2: Operand; // (R, C)
  readonly stats2: Tensor; // (R, 2)
  readonly preActivation: Operand; // (R, 4C)
  readonly activation: Operand; // (R, 4C)
  readonly residualOut: Tensor; // (R, C), after the MLP
}

type Field = keyof BlockTensors;

/** What all blocks share one tensor for: the backward pass recomputes it, a block at a time. */
function isShared(field: Field, level: RecomputeLevel): boolean {
  if (level === 'block') return field !== 'residualOut';
  if (field === 'activation') return level !== 'none';
  return level === 'gelu-ln' && (field === 'norm1' || field === 'norm2');
}

/**
 * @param add plans a tensor and returns it
 * @param quantized of a mode that stores matmul operands in fewer bits
 */
export function planBlocks(
  config: TrainConfig,
  { roles }: Recipe,
  add: (category: MemoryCategory, name: string, type: ElementType, elements: number) => Tensor,
  quantized?: QuantizedTensors,
): BlockTensors[] {
  const { batch: B, context: T, width: C, heads: H, layers, recompute } = config;
  const R = B * T;
  const { activation, preActivation } = quantized?.formats ?? roles;
  const shared = new Map<string, Tensor>();
  const share = (name: string, type: ElementType, elements: number): Tensor => {
    const made = shared.get(name) ?? add('activations', name, type, elements);
    shared.set(name, made);
    return made;
  };
  return Array.from({ length: layers }, (_, layer) => {
    const tensor = (field: Field, name: string, type: ElementType, elements: number): Tensor =>
      isShared(field, recompute)
        ? share(name, type, elements)
        : add('activations', `h.${layer}.${name}`, type, elements);
    const operand = (name: string, made: Tensor): Operand =>
      quantized ? scaledBy(quantized, `h.${layer}.${name}`, made, made.elements) : made;
    const attention = tensor('attention', 'attn', roles.attention, R * C);
    return {
      norm1: operand('ln_1', tensor('norm1', 'ln_1', activation, R * C)),
      stats1: tensor('stats1', 'ln_1.stats', 'f32', R * 2),
      qkv: tensor('qkv', 'attn.c_attn', roles.attention, R * 3 * C),
      lse: tensor('lse', 'attn.lse', 'f32', B * H * T),
      attention,
      // Attention keeps its own: the copy is made again for backward.
      attentionOperand: quantized ? operand('attn', share('attn operand', activation, R * C)) : attention,
      residualMid: tensor('residualMid', 'attn.c_proj', roles.residual, R * C),
      norm2: operand('ln_2', tensor('norm2', 'ln_2', activation, R * C)),
      stats2: tensor('stats2', 'ln_2.stats', 'f32', R * 2),
      preActivation: operand('mlp.c_fc', tensor('preActivation', 'mlp.c_fc', preActivation, R * 4 * C)),
      activation: operand('mlp.gelu', tensor('activation', 'mlp.gelu', activation, R * 4 * C)),
      residualOut: tensor('residualOut', 'mlp.c_proj', roles.residual, R * C),
    };
  });
}
