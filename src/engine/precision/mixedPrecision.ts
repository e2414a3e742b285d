/** The tables of storages that rows of precision modes are made of. */
import type { FormatId } from './formats.ts';
import { ACTIVATION_GROUP } from './quantization.ts';
import type { RecipeRow, SiteRule } from './recipe.ts';
import type { Scale, SiteRole, Storage } from './storage.ts';

/** Roles whose operands a mode may quantise. */
export type QuantizedRole = Exclude<SiteRole, 'attention'>;

/** The operands of matmuls and what is saved for the backward pass in `narrow`; layer norm reads the f32 stream. */
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

/** Mixed precision: {@link operands} in `narrow`, all else in f32. */
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

/** Matmul operands and the input of the activation function in `format`, each row with a scale, in the blocks of a mode in bf16. */
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
 * Quantised operands in the blocks of a mode whose other operands are in bf16, and with the settings of a run in the head too,
 * or with a scale for each {@link ACTIVATION_GROUP} channels of what GELU and the layer norms read.
 * @param when scales of activations and output gradients; those of weights are current, since an update leaves their magnitudes at hand
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
