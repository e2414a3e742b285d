/** Functions that make the storages of precision modes. */
import type { FormatId } from './formats.ts';
import { ACTIVATION_GROUP } from './quantization.ts';
import type { AttentionOperands, RecipeRow, SiteRule } from './recipe.ts';
import type { Scale, SiteRole, Storage } from './storage.ts';

/** Roles that a mode may quantise. */
export type QuantizedRole = Exclude<SiteRole, 'attention'>;

/** Stores the operands of matmuls and attention, and the pre-activation, in `narrow`. Layer norm reads the stream in f32. */
export function operands(narrow: FormatId, preActivation: FormatId = narrow): Record<SiteRole, Storage> {
  return {
    activation: { format: narrow },
    weight: { format: narrow },
    outputGradient: { format: narrow },
    attention: { format: narrow },
    preActivation: { format: preActivation },
    normInput: { format: 'f32' },
  };
}

/** Mixed precision: {@link operands} in `narrow`, and everything else in f32. */
export function mixed(narrow: FormatId, preActivation?: FormatId): RecipeRow['storages'] {
  const wide: Storage = { format: 'f32' };
  return {
    ...operands(narrow, preActivation),
    residual: wide,
    residualGradient: wide,
    gradient: wide,
    master: wide,
    firstMoment: wide,
    secondMoment: wide,
  };
}

/** q, k and v in E4M3 and the gradient of attention's output in `gradient`, from bf16, all with scales of that kind. */
export function attentionOperands(gradient: FormatId, scale: Scale): AttentionOperands {
  const copy = (format: FormatId): Storage => ({ format, from: 'bf16', scales: [scale] });
  return { queryKeyValue: copy('e4m3fn'), outputGradient: copy(gradient) };
}

/** What shares a scale of a mode's quantised operands, and how the scale is stored; see {@link Scale}. */
export type OperandScale = Pick<Scale, 'as'> & {
  readonly per: 'tensor' | 'contraction' | { readonly block: number };
};

/** The largest power of two, one per tensor. */
const OF_TENSOR: OperandScale = { per: 'tensor', as: 'pow2' };

/** An E4M3 scale is multiplied by an f32 scale of the tensor, which gives the largest block the largest E4M3 number. */
function scalesOf({ per, as }: Pick<Scale, 'per' | 'as'>, when: Scale['when']): readonly Scale[] {
  const own = { per, as, when } satisfies Scale;
  return as === 'e4m3' ? [{ per: 'tensor', as: 'f32', when }, own] : [own];
}

/**
 * For a mode with bf16 operands: quantises matmul operands and pre-activations in the blocks. With a scale per tensor, settings
 * of a run quantise the operands of the head too, or give the inputs of GELU and the layer norms a scale for each
 * {@link ACTIVATION_GROUP} channels. With scales per contraction, pre-activations, which no matmul reads, have one per row.
 * @param when how scales of activations and output gradients are computed; scales of weights are always current
 */
export function quantized(
  formats: Readonly<Record<QuantizedRole, FormatId>>,
  when: Scale['when'],
  scale: OperandScale = OF_TENSOR,
): readonly SiteRule[] {
  const { per, as } = scale;
  const copy = (role: QuantizedRole, from: FormatId, at = when): Storage => ({
    format: formats[role],
    from,
    scales: scalesOf(scale, at),
  });
  const byBlock = (role: QuantizedRole, from: FormatId): Storage => ({
    format: formats[role],
    from,
    scales: [{ per: { block: ACTIVATION_GROUP }, as: 'e8m0', when: 'current' }],
  });
  const matmuls = {
    activation: copy('activation', 'bf16'),
    weight: copy('weight', 'f32', 'current'),
    outputGradient: copy('outputGradient', 'bf16'),
  };
  const preActivation =
    per === 'contraction'
      ? { ...copy('preActivation', 'bf16'), scales: scalesOf({ per: 'row', as }, when) }
      : copy('preActivation', 'bf16');
  const inBlocks: SiteRule = { in: 'blocks', storages: { ...matmuls, preActivation } };
  if (per !== 'tensor') return [inBlocks];
  const inGroups = {
    preActivation: byBlock('preActivation', 'bf16'),
    normInput: byBlock('normInput', 'f32'),
  };
  return [
    inBlocks,
    { in: 'blocks', given: { quantizeActivations: '1x16' }, storages: inGroups },
    { in: 'head', given: { quantizeHead: true }, storages: matmuls },
  ];
}
