/** What the f64 model rounds in each mode, and the same without one of its parts. */
import { expect } from 'vitest';
import type { PrecisionMode } from '../../../src/engine/index.ts';
import { type DescribedRole, describeRecipe } from '../../../src/engine/precision/description.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import {
  type IntegerRange,
  integerBits,
  LEVEL_ROLES,
  type Level,
  SCHEDULES,
} from '../../../src/engine/precision/levels.ts';
import type { QuantizedRole } from '../../../src/engine/precision/mixedPrecision.ts';
import type { RecipeSettings } from '../../../src/engine/precision/recipe.ts';
import { recipeFor } from '../../../src/engine/precision/recipes.ts';
import { simulatedBits } from '../../../src/engine/precision/simulated.ts';
import { type BlockQuantization, isOfBlocks, type Rounding } from '../../../src/engine/reference/store.ts';
import { described } from '../../unit/described.ts';
import { TINY } from './helper.ts';
import { BY_HAND } from './roundingByHand.ts';

/**
 * Each role that gradients depend on in f32 instead, gradients in f16 that keeps what the recipe flushes, and each
 * quantised role not quantised.
 */
export function alternatives(recipe: Rounding): [string, Rounding][] {
  const { roles, quantization, operands, blocks, levels, lastBlock, attention } = recipe;
  const seen: DescribedRole[] = [
    'activation',
    'outputGradient',
    'residual',
    'residualGradient',
    'attention',
    'preActivation',
    'gradient',
  ];
  // With the head quantised too, no matmul reads a weight in the role's own format.
  if (roles.weight !== roles.master && !quantization?.head) seen.push('weight');
  const changed = (role: DescribedRole, format: FormatId): [string, Rounding] => [
    `${role} in ${format}`,
    { ...recipe, roles: { ...roles, [role]: format } },
  ];
  const wider = seen.filter((role) => roles[role] !== 'f32').map((role) => changed(role, 'f32'));
  if (roles.outputGradient === 'f16-flush') wider.push(changed('outputGradient', 'f16'));
  for (const role of quantization ? (Object.keys(quantization.formats) as QuantizedRole[]) : []) {
    if (role === 'normInput' && quantization!.activations === 'tensor') continue;
    const formats = { ...quantization!.formats, [role]: 'f32' as const };
    wider.push([`${role} not quantised`, { ...recipe, quantization: { ...quantization!, formats } }]);
  }
  if (quantization?.activations === '1x16')
    wider.push([
      'one scale a tensor',
      { ...recipe, quantization: { ...quantization, activations: 'tensor' } },
    ]);
  if (quantization?.scale?.per === 'contraction') {
    const { scale: _, ...byTensor } = quantization;
    wider.push(['one scale a tensor', { ...recipe, quantization: byTensor }]);
  }
  for (const role of operands ? (Object.keys(operands) as QuantizedRole[]) : []) {
    const { [role]: own, ...others } = operands!;
    // Codes of an output gradient's rows move gradients 1.2 times as far as flips do, which does not show; a scale per tensor, 2.7
    // times as far, does.
    if (role !== 'outputGradient') wider.push([`${role} not quantised`, { ...recipe, operands: others }]);
    const per = own!.per === 'tensor' ? 'row' : 'tensor';
    wider.push([
      `${role} with a scale per ${per}`,
      { ...recipe, operands: { ...operands, [role]: { ...own!, per } } },
    ]);
  }
  if (quantization?.head)
    wider.push(['LM head not quantised', { ...recipe, quantization: { ...quantization, head: false } }]);
  if (attention) {
    const { qkv, dO } = attention;
    const wide = { format: 'bf16', per: 'tensor' } as const;
    wider.push(['q, k and v in bf16', { ...recipe, attention: { qkv: wide, dO } }]);
    wider.push(["the gradient of attention's output in bf16", { ...recipe, attention: { qkv, dO: wide } }]);
  }
  if (levels)
    wider.push(
      ...levelAlternatives(levels).map(([what, own]): [string, Rounding] => [
        what,
        { ...recipe, levels: own },
      ]),
    );
  if (lastBlock) wider.push(['the last block as the others', { ...recipe, lastBlock: {} }]);
  if (blocks)
    wider.push(
      ...blockAlternatives(blocks).map(([what, b]): [string, Rounding] => [what, { ...recipe, blocks: b }]),
    );
  return wider;
}

/** Each role at many levels; of blocks with their own levels those of the first two exchanged. */
function levelAlternatives(levels: NonNullable<Rounding['levels']>): [string, typeof levels][] {
  if (isOfBlocks(levels))
    return [['the levels of other blocks', [levels[1]!, levels[0]!, ...levels.slice(2)]]];
  return LEVEL_ROLES.flatMap((role): [string, typeof levels][] => {
    const level = levels[role];
    // One flip earlier on moves the range, and with it many of 256 codes: as far as if these were not rounded.
    if (role === 'outputGradient' && level.kind === 'integer' && level.bits >= 8) return [];
    return [[`${role} in 22 bits`, { ...levels, [role]: MANY_LEVELS }]];
  });
}

/** At so many levels an operand is nearly what it was before. */
const MANY_LEVELS: Level = { kind: 'integer', bits: 22, range: 'affine' };

/** Each quantised role not quantised, and each part of the mode left out. */
function blockAlternatives(blocks: BlockQuantization): [string, BlockQuantization][] {
  const { formats, squares, transform, stochastic, kept, scale } = blocks;
  const wider = Object.keys(formats).map((role): [string, BlockQuantization] => [
    `${role} not quantised`,
    { ...blocks, formats: { ...formats, [role]: 'f32' } },
  ]);
  wider.push(['preActivation not quantised', { ...blocks, preActivation: null }]);
  if (squares) wider.push(['blocks of weights along the sums', { ...blocks, squares: false }]);
  if (transform) wider.push(['no Hadamard transform', { ...blocks, transform: false }]);
  if (stochastic) wider.push(['gradients rounded to nearest', { ...blocks, stochastic: false }]);
  if (kept > 0) wider.push(['the last block as the others', { ...blocks, kept: 0 }]);
  if (scale.as === 'e8m0' && scale.rule) {
    wider.push([
      'another scale rule',
      { ...blocks, scale: { as: 'e8m0', rule: scale.rule === 'ceil' ? 'floor' : 'ceil' } },
    ]);
  }
  return wider;
}

/** Settings of a run that rounds operands to levels, and the stage of its schedule that it is in, from 0, or each of its blocks is. */
export interface LevelSettings {
  readonly precisionSchedule?: 'pfq' | 'pfq-float' | 'noise';
  readonly stage?: number | readonly number[];
  readonly integerRange?: IntegerRange;
  readonly rounding?: 'rz' | 'rne';
}

/** The levels of a mode or a stage, by its name. */
function levelsOf(name: string, { integerRange: range = 'affine', rounding = 'rz' }: LevelSettings) {
  const integers = integerBits(name);
  const floats: Level = { kind: 'float', ...simulatedBits(name)!, rounding };
  const operand: Level = integers ? { kind: 'integer', bits: integers.bits, range } : floats;
  const outputGradient: Level = integers ? { kind: 'integer', bits: integers.gradientBits, range } : floats;
  return { activation: operand, weight: operand, outputGradient };
}

/** What the reference rounds. Where a mode names places, by hand. */
export function roundingOf(
  precision: PrecisionMode,
  settings: Partial<RecipeSettings> & LevelSettings,
): Rounding {
  const { precisionSchedule, stage = 0 } = settings;
  const levelsIn = (at: number) => levelsOf(SCHEDULES[precisionSchedule!].modes[at]!, settings);
  if (typeof stage !== 'number') return { ...described('fp32'), levels: stage.map(levelsIn) };
  if (precisionSchedule) return { ...described('fp32'), levels: levelsIn(stage) };
  if (integerBits(precision)) return { ...described('fp32'), levels: levelsOf(precision, settings) };
  const { sites, ...rounding } = describeRecipe(recipeFor({ precision, width: TINY.width, ...settings }));
  const blocks = Object.hasOwn(BLOCKS, precision) ? BLOCKS[precision as keyof typeof BLOCKS] : undefined;
  const own: Rounding | undefined = blocks ? { ...described('bf16'), blocks } : BY_HAND[precision];
  expect(sites !== undefined).toBe(own !== undefined);
  const attention = settings.quantizeAttention && ATTENTION[precision];
  const all = own?.blocks ? { ...own, blocks: withSettings(own.blocks, settings) } : (own ?? rounding);
  return attention ? { ...all, attention } : all;
}

/** What attention reads, by hand. Blocks of 128 have 32 elements in a model of width 32. */
const ATTENTION: Partial<Record<PrecisionMode, Rounding['attention']>> = {
  fp8: { qkv: { format: 'e4m3fn', per: 'tensor' }, dO: { format: 'e5m2', per: 'tensor' } },
  'fp8-delayed': { qkv: { format: 'e4m3fn', per: 'tensor' }, dO: { format: 'e5m2', per: 'tensor' } },
  'fp8-row': { qkv: { format: 'e4m3fn', per: 'row' }, dO: { format: 'e4m3fn', per: 'row' } },
  mxfp8: { qkv: { format: 'e4m3fn', per: 32 }, dO: { format: 'e4m3fn', per: 32 } },
  'fp8-block': { qkv: { format: 'e4m3fn', per: 32 }, dO: { format: 'e4m3fn', per: 32 } },
};

const E4M3 = { activation: 'e4m3fn', weight: 'e4m3fn', outputGradient: 'e4m3fn' } as const;
const E2M1 = { activation: 'e2m1fn', weight: 'e2m1fn', outputGradient: 'e2m1fn' } as const;
const PLAIN = { squares: false, transform: false, stochastic: false, kept: 0 } as const;
const OF_32 = { length: 32, preActivation: { length: 32, rule: 'rceil' } } as const;

/** What the modes with block scales round, by hand. Blocks of 128 have 32 elements in a model of width 32. */
const BLOCKS = {
  mxfp8: { ...PLAIN, ...OF_32, formats: E4M3, scale: { as: 'e8m0', rule: 'rceil' } },
  mxfp4: { ...PLAIN, ...OF_32, formats: E2M1, scale: { as: 'e8m0', rule: 'even' } },
  'fp8-block': {
    ...{ ...PLAIN, squares: true, formats: E4M3, scale: { as: 'e8m0', rule: null } },
    ...{ length: 32, preActivation: { length: 32, rule: null } },
  },
  nvfp4: {
    ...{ ...OF_32, length: 16, formats: E2M1, scale: { as: 'e4m3' } },
    ...{ squares: true, transform: true, stochastic: true, kept: 1 },
  },
} as const satisfies Partial<Record<PrecisionMode, BlockQuantization>>;

function withSettings(
  blocks: BlockQuantization,
  { scaleRule, fp4Rht, fp4TwoD, fp4Sr, keepBf16 }: Partial<RecipeSettings>,
): BlockQuantization {
  return {
    ...blocks,
    ...(scaleRule && { scale: { as: 'e8m0', rule: scaleRule } }),
    ...(scaleRule && { preActivation: { length: 32, rule: scaleRule } }),
    transform: blocks.transform && fp4Rht !== 'off',
    squares: blocks.squares && fp4TwoD !== 'off',
    stochastic: blocks.stochastic && fp4Sr !== 'off',
    kept: keepBf16 ?? blocks.kept,
  };
}
