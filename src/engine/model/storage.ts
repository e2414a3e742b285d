/** How a recipe stores what a kernel reads at a place of the model. */
import type { FormatId } from '../precision/formats.ts';
import type { QuantizedRole } from '../precision/quantization.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { Site } from './site.ts';

export interface OperandStorage {
  readonly format: FormatId;
  /** What shares a scale: the tensor, each 16 channels, or nothing. */
  readonly scaled: 'tensor' | 'group' | null;
}

/**
 * Storage of an operand in one of the roles that a mode may quantise: in the blocks, and where it says so in the head. Formats
 * are those of the whole run. A rule for one block would need the number of blocks here, and would also have to reach the
 * layout of weights (chunks.ts), attention's formats (layers/attention.ts), the residual gradient's rounded copy, unscaled
 * output gradients and the tensors that blocks share (pass.ts), and the f64 model (reference/store.ts).
 */
export function operandStorage(
  { roles, quantization }: Recipe,
  role: QuantizedRole,
  { block }: Pick<Site, 'block'>,
): OperandStorage {
  const isNormInput = role === 'normInput';
  const plain = { format: isNormInput ? roles.residual : roles[role], scaled: null } as const;
  if (!quantization || (block === null && !quantization.head)) return plain;
  const format = quantization.formats[role];
  const grouped = quantization.activations === '1x16' && block !== null;
  if (isNormInput) return grouped ? { format, scaled: 'group' } : plain;
  return { format, scaled: grouped && role === 'preActivation' ? 'group' : 'tensor' };
}
