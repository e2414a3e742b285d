/** Functions that make the storages of precision modes. */
import type { FormatId } from './formats.ts';
import { ACTIVATION_GROUP } from './quantization.ts';
import type { RecipeRow, SiteRule } from './recipe.ts';
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

/** For a mode with bf16 operands: quantises matmul operands and pre-activations in the blocks to `format`, with a scale per row. */
export function quantizedByRow(format: FormatId): readonly SiteRule[] {
  const byRow = (from: FormatId): Storage => ({
    format,
    from,
    scales: [{ per: 'row', as: 'e8m0', when: 'current' }],
  });
  const storages = {
    activation: byRow('bf16'),
    weight: byRow('f32'),
    outputGradient: byRow('bf16'),
    preActivation: byRow('bf16'),
  };
  return [{ in: 'blocks', storages }];
}

/**
 * For a mode with bf16 operands: quantises matmul operands and pre-activations in the blocks, with a scale per tensor. Settings
 * of a run quantise the operands of the head too, or give the inputs of GELU and the layer norms a scale for each
 * {@link ACTIVATION_GROUP} channels.
 * @param when how scales of activations and output gradients are computed; scales of weights are always current
 */
export function quantized(
  formats: Readonly<Record<QuantizedRole, FormatId>>,
  when: Scale['when'],
): readonly SiteRule[] {
  const byTensor = (role: QuantizedRole, from: FormatId, at = when): Storage => ({
    format: formats[role],
    from,
    scales: [{ per: 'tensor', as: 'pow2', when: at }],
  });
  const byBlock = (role: QuantizedRole, from: FormatId): Storage => ({
    format: formats[role],
    from,
    scales: [{ per: { block: ACTIVATION_GROUP }, as: 'e8m0', when: 'current' }],
  });
  const matmuls = {
    activation: byTensor('activation', 'bf16'),
    weight: byTensor('weight', 'f32', 'current'),
    outputGradient: byTensor('outputGradient', 'bf16'),
  };
  const inGroups = {
    preActivation: byBlock('preActivation', 'bf16'),
    normInput: byBlock('normInput', 'f32'),
  };
  return [
    { in: 'blocks', storages: { ...matmuls, preActivation: byTensor('preActivation', 'bf16') } },
    { in: 'blocks', given: { quantizeActivations: '1x16' }, storages: inGroups },
    { in: 'head', given: { quantizeHead: true }, storages: matmuls },
  ];
}
