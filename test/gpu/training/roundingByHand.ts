/** Modes that name places in the model, as the f64 model reads them: by hand, since it shares nothing with their rows. */
import type { PrecisionMode } from '../../../src/engine/index.ts';
import type { Rounding } from '../../../src/engine/reference/store.ts';
import { described } from '../../unit/described.ts';

export const LAST_BLOCK: { readonly mode: PrecisionMode; readonly rounding: Rounding } = {
  mode: 'bf16-last-fp32',
  rounding: { ...described('bf16'), lastBlock: described('fp32').roles },
};

const CODES = { format: 'i8', per: 'row', weightGradient: 'source' } as const;
const BOTH = { format: 'i8', per: 'contraction' } as const;
const ONE = { format: 'i8', per: 'tensor' } as const;

export const BY_HAND: Partial<Record<PrecisionMode, Rounding>> = {
  [LAST_BLOCK.mode]: LAST_BLOCK.rounding,
  int8: { ...described('bf16'), operands: { activation: CODES, weight: ONE, outputGradient: CODES } },
  'int8-m': {
    ...described('bf16'),
    operands: { activation: { format: 'i8', per: 'row' }, weight: ONE, outputGradient: CODES },
  },
  'int8-q': { ...described('bf16'), operands: { activation: CODES, weight: BOTH, outputGradient: CODES } },
  'int8-all': { ...described('bf16'), operands: { activation: BOTH, weight: BOTH, outputGradient: BOTH } },
};
