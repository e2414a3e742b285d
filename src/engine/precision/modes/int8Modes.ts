/** Modes whose matmuls multiply 8-bit integers: SwitchBack (arXiv 2304.13013), and the baseline that it is compared with. */
import type { FormatId } from '../formats.ts';
import { mixed } from '../mixedPrecision.ts';
import { type RecipeRow, type SiteRule, UNSCALED } from '../recipe.ts';
import type { Scale, Storage } from '../storage.ts';

/** Codes from -127 to 127 under amax / 127, which is divided once and kept in f32. */
function coded(from: FormatId, per: Scale['per'], weightGradient?: 'source'): Storage {
  const scales = [{ per, as: 'f32', when: 'current' }] as const;
  return { format: 'i8', from, scales, ...(weightGradient && { weightGradient }) };
}

/** The operands of the linear layers of the blocks. GELU's input, which no matmul reads, stays in bf16. */
function operands(storages: {
  readonly activation: Storage;
  readonly weight: Storage;
  readonly outputGradient: Storage;
}): readonly SiteRule[] {
  return [{ in: 'blocks', storages }];
}

const BASE = { storages: mixed('bf16'), scaling: UNSCALED, unsound: false } as const;
/** x and dY by row in the products along them; weight gradients read both in bf16 or f32. */
const ROWS = {
  activation: coded('bf16', 'row', 'source'),
  outputGradient: coded('bf16', 'row', 'source'),
} as const;
const WHOLE = coded('f32', 'tensor');

export const INT8_MODES = {
  int8: {
    ...BASE,
    title: 'INT8 SwitchBack',
    summary:
      'Forward and input-gradient matmuls of the blocks in 8-bit integers, with a scale per row and one per weight matrix. Weight gradients, attention and LM head in bf16.',
    sites: operands({ ...ROWS, weight: WHOLE }),
  },
  'int8-m': {
    ...BASE,
    title: 'INT8 SwitchBack, less memory',
    summary:
      'Like INT8 SwitchBack, but what linear layers keep for the backward pass is in 8 bits too: weight gradients read the codes and scales of the inputs.',
    sites: operands({ ...ROWS, activation: coded('bf16', 'row'), weight: WHOLE }),
  },
  'int8-q': {
    ...BASE,
    title: 'INT8 SwitchBack, vector-wise',
    summary:
      'Like INT8 SwitchBack, with a scale for each row or column of a weight matrix that a product sums along, and so two copies of each.',
    sites: operands({ ...ROWS, weight: coded('f32', 'contraction') }),
  },
  'int8-all': {
    ...BASE,
    title: 'INT8 in all products',
    summary:
      'The baseline of SwitchBack: weight gradients in 8-bit integers too, whose rounding errors grow with the number of tokens that they sum over.',
    sites: operands({
      activation: coded('bf16', 'contraction'),
      weight: coded('f32', 'contraction'),
      outputGradient: coded('bf16', 'contraction'),
    }),
  },
} satisfies Readonly<Record<string, RecipeRow>>;
