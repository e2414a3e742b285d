/** The families in which menus and documentation group the modes. A new mode is a row in the table of its family. */
import type { RecipeRow } from '../recipe.ts';
import { BF16_MODES } from './bf16Modes.ts';
import { BLOCK_MODES } from './blockModes.ts';
import { FLOAT_MODES } from './floatModes.ts';
import { FP8_MODES } from './fp8Modes.ts';
import { HALF_MODES } from './halfModes.ts';
import { INT8_MODES } from './int8Modes.ts';

/** The one table of precision modes. Nothing else in the project branches on the name of a mode. */
export const ROWS = {
  ...FLOAT_MODES,
  ...HALF_MODES,
  ...BF16_MODES,
  ...FP8_MODES,
  ...BLOCK_MODES,
  ...INT8_MODES,
} satisfies Readonly<Record<string, RecipeRow>>;
export type NamedMode = keyof typeof ROWS;

export interface ModeFamily {
  readonly title: string;
  /** One line that says what its modes have in common. */
  readonly summary: string;
  readonly modes: readonly NamedMode[];
}

const namesOf = (rows: Partial<typeof ROWS>) => Object.keys(rows) as NamedMode[];

export const MODE_FAMILIES: readonly ModeFamily[] = [
  {
    title: '32-bit floats',
    summary: 'The reference, and operands with fewer mantissa bits.',
    modes: namesOf(FLOAT_MODES),
  },
  {
    title: 'f16',
    summary: '2 bytes, 10 mantissa bits, a small range: small gradients need a loss scale.',
    modes: namesOf(HALF_MODES),
  },
  { title: 'bf16', summary: '2 bytes, the range of FP32, 7 mantissa bits.', modes: namesOf(BF16_MODES) },
  { title: 'FP8', summary: 'One byte with 2 or 3 mantissa bits, and scales.', modes: namesOf(FP8_MODES) },
  {
    title: 'Block scales',
    summary: 'One byte or half a byte, with a scale for each block along the sums of a product.',
    modes: namesOf(BLOCK_MODES),
  },
  {
    title: 'INT8',
    summary: 'One byte, 8-bit integers under scales: sums of products are exact.',
    modes: namesOf(INT8_MODES),
  },
];
