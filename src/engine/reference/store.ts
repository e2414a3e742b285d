import { streamOf } from '../core/rng.ts';
import type { DescribedRole, ModeDescription, Quantization } from '../precision/description.ts';
import type { FormatId } from '../precision/formats.ts';
import type { Stage } from '../precision/levels.ts';
import type { QuantizedRole } from '../precision/mixedPrecision.ts';
import type { ScaleRule } from '../precision/storage.ts';
import {
  type BlockFormat,
  type StoredBlocks,
  stepsOf,
  storedInBlocks,
  transformedRows,
  windowBits,
} from './blockScales.ts';
import { columnsAtLevels, levelNoise, tensorAtLevels } from './levels.ts';
import { roundTo } from './rounding.ts';
import {
  currentScale,
  quantized,
  quantizedByColumn,
  quantizedInGroups,
  stepsByColumn,
  stepsInGroups,
} from './tensorScale.ts';

/** What the oracles read: any array of numbers. */
export type Values = Float64Array | Float32Array;

/** What the model rounds, and where: a mode as programs write it, which the oracle reads by itself. */
export interface Rounding
  extends Pick<ModeDescription<string>, 'roles'>,
    Partial<Pick<ModeDescription<string>, 'masterRounding'>> {
  readonly quantization?: Quantization;
  /** In place of `quantization`. */
  readonly blocks?: BlockQuantization;
  /** In place of `quantization`: the levels of operands in all blocks, or in each, at the first step of a run. */
  readonly levels?: Levels | readonly Levels[];
  /** Of a mode whose operands have scales of different kinds: what it quantises in the blocks. */
  readonly operands?: Partial<Record<QuantizedRole, OperandRounding>>;
  /** In place of the bf16 values: what attention reads in the blocks. */
  readonly attention?: Readonly<Record<'qkv' | 'dO', AttentionRounding>>;
  /** Roles that have another format in the last block. */
  readonly lastBlock?: Partial<Rounding['roles']>;
}

type Levels = Omit<Stage, 'name'>;

type Quantizations = Pick<Rounding, 'quantization' | 'operands' | 'blocks' | 'levels'>;

/** How an operand is quantised, at a scale of amax over the format's largest value. */
export interface OperandRounding {
  readonly format: FormatId;
  /** What shares a scale: the tensor, a row, or the elements that a sum runs over, for which there are two copies. */
  readonly per: 'tensor' | 'row' | 'contraction';
  /** Whether the weight gradient reads the operand as it was before. */
  readonly weightGradient?: 'source';
}

/** 8-bit values with a power of two for the tensor, or for so many consecutive elements of a row. */
export interface AttentionRounding {
  readonly format: FormatId;
  readonly per: 'tensor' | 'row' | number;
}

/** What attention reads of q, k and v or of the gradient of its output, each with `columns` columns. */
export function roundedForAttention(
  { attention }: Pick<Rounding, 'attention'>,
  which: 'qkv' | 'dO',
  name: string,
  values: Float64Array,
  columns: number,
  { scales, onStore }: StoreOptions,
): Float64Array {
  if (!attention) return values;
  const { format, per } = attention[which];
  const rounded = new Float64Array(values.length);
  const scaled = new Float64Array(values.length);
  const row = per === 'tensor' ? values.length : columns;
  const length = typeof per === 'number' ? per : row;
  // Blocks at the end of a row may be shorter.
  for (let first = 0; first < values.length; first += row) {
    for (let at = first; at < first + row; at += length) {
      const own = values.slice(at, Math.min(at + length, first + row));
      const scale = (per === 'tensor' && scales?.get(name)) || currentScale(own, format);
      const read = quantized(own, format, scale);
      rounded.set(read, at);
      scaled.set(
        read.map((x) => x * scale),
        at,
      );
    }
  }
  onStore?.('attention', scaled, format);
  return rounded;
}

/** Operands with a scale for each block along the sums of a product. */
export interface BlockQuantization {
  readonly formats: Readonly<Record<'activation' | 'weight' | 'outputGradient', FormatId>>;
  /** Elements of a block, and rows and columns of the squares of weights where they have squares. */
  readonly length: number;
  readonly squares: boolean;
  readonly scale: BlockFormat['scale'];
  /** What no matmul reads, in E4M3. */
  readonly preActivation: { readonly length: number; readonly rule: ScaleRule | null } | null;
  /** Of both operands of dW. */
  readonly transform: boolean;
  /** Of output gradients. */
  readonly stochastic: boolean;
  /** Last blocks of the model whose operands are not quantised. */
  readonly kept: number;
}

/** What block `layer` of `layers` rounds. */
export function roundingOfBlock(recipe: Rounding, layer: number, layers: number): Rounding {
  if (isOfBlocks(recipe.levels))
    return roundingOfBlock({ ...recipe, levels: recipe.levels[layer]! }, layer, layers);
  const { blocks, ...unquantised } = recipe;
  if (blocks && layer >= layers - blocks.kept) return unquantised;
  if (layer < layers - 1) return recipe;
  return { ...recipe, roles: { ...recipe.roles, ...recipe.lastBlock } };
}

/** Whether each block has levels of its own. */
export function isOfBlocks(levels: Rounding['levels']): levels is readonly Levels[] {
  return Array.isArray(levels);
}

/** Whether matmuls read quantised operands. */
export function quantizes({ quantization, operands, blocks, levels }: Quantizations): boolean {
  return [quantization, operands, blocks, levels].some((each) => each !== undefined);
}

/** Rounds `values` in place as a kernel that stores a tensor of this role does, and returns them. */
export type Store = (role: DescribedRole, values: Float64Array) => Float64Array;

export interface StoreOptions {
  /** Leaves roles in f32 unrounded: with f32 only the model is smooth, and finite differences are clean. */
  readonly exact?: boolean;
  /**
   * Sees every tensor as it was stored, in order, and its format. It must not keep `values`: they may change later.
   * @param steps the distance between neighbouring values at each, where the format does not say it
   */
  readonly onStore?: (
    role: DescribedRole | QuantizedRole,
    values: Float64Array,
    format: FormatId,
    steps?: Float64Array,
  ) => void;
  /** Windows of the batch, and rows of each: what is rounded stochastically follows from them. */
  readonly windows?: Parameters<typeof windowBits>[0];
  readonly context?: number;
  /** Scales of quantised tensors by name, where they do not follow from the tensors themselves. */
  readonly scales?: ReadonlyMap<string, number>;
}

/**
 * What matmuls read of a stored tensor with so many rows: itself, or a copy that is quantised, for products that sum along its
 * rows or along its columns.
 */
export type Quantize = (
  role: QuantizedRole,
  name: string,
  values: Float64Array,
  rows: number,
  sumsAlong?: 'rows' | 'columns',
) => Float64Array;

/** Both copies of an operand; the same where its scales, or those of its tensor, serve both products. */
export interface Copies {
  readonly rows: Float64Array;
  readonly columns: Float64Array;
}

/** {@link quantizeOf} for both products of an operand. */
export function quantizeBothOf(
  recipe: Quantizations,
  options: StoreOptions = {},
): (...args: Parameters<Quantize>) => Copies {
  const quantize = quantizeOf(recipe, options);
  return (role, name, values, count) => {
    const rows = quantize(role, name, values, count, 'rows');
    const { per = recipe.quantization?.scale?.per, weightGradient } = recipe.operands?.[role] ?? {};
    if (weightGradient === 'source') return { rows, columns: values };
    const two = recipe.blocks !== undefined || per === 'contraction';
    return { rows, columns: two ? quantize(role, name, values, count, 'columns') : rows };
  };
}

const IN_GROUPS: readonly QuantizedRole[] = ['preActivation', 'normInput'];

/** Quantisation at the points of a recipe; `onStore` sees values times their scale, but those in groups as they read back. */
export function quantizeOf(
  { quantization, operands, blocks, levels }: Quantizations,
  options: StoreOptions = {},
): Quantize {
  // Only blocks have levels, and roundingOfBlock says which.
  if (isOfBlocks(levels)) return (_role, _name, values) => values;
  if (levels) return quantizeLevelsOf(levels, options);
  if (blocks) return quantizeBlocksOf(blocks, options);
  const { onStore, scales } = options;
  if (operands) return quantizeOperands(operands, onStore);
  if (!quantization) return (_role, _name, values) => values;
  const grouped = quantization.activations === '1x16';
  const { per, as } = quantization.scale ?? { per: 'tensor', as: 'pow2' };
  const inGroups = (role: QuantizedRole, values: Float64Array, rows: number, sumsAlong: string) => {
    const format = quantization.formats[role];
    const columns = values.length / rows;
    if (grouped && IN_GROUPS.includes(role)) return quantizedInGroups(values, format);
    if (role === 'normInput') return undefined;
    if (typeof per === 'object') return quantizedInGroups(values, format, per.block, as);
    if (per === 'tensor')
      return as === 'f32' ? quantizedInGroups(values, format, values.length, as) : undefined;
    return sumsAlong === 'rows' || role === 'preActivation'
      ? quantizedInGroups(values, format, columns, as)
      : quantizedByColumn(values, format, columns, as);
  };
  return (role, name, values, rows, sumsAlong = 'rows') => {
    const format = quantization.formats[role];
    const grouped = inGroups(role, values, rows, sumsAlong);
    if (grouped) {
      onStore?.(role, grouped.slice(), format);
      return grouped;
    }
    if (role === 'normInput') return values;
    const scale = scales?.get(name) ?? currentScale(values, format);
    const copy = quantized(values, format, scale);
    onStore?.(
      role,
      copy.map((x) => x * scale),
      format,
    );
    return copy;
  };
}

function quantizeLevelsOf(levels: Levels, { onStore }: StoreOptions): Quantize {
  return (role, name, values, rows) => {
    if (role === 'normInput' || role === 'preActivation') return values;
    const level = levels[role];
    if (role === 'weight') return columnsAtLevels(values, values.length / rows, level);
    const stream = streamOf(name.replace(/ dY$/, ' output gradient'));
    const isNoisy = role === 'outputGradient' && level.kind === 'integer';
    const { values: read, step } = tensorAtLevels(values, level, (at) =>
      isNoisy ? levelNoise(at, stream, 0) : 0,
    );
    if (level.kind === 'integer')
      onStore?.(
        role,
        read.slice(),
        'tf32',
        read.map(() => step),
      );
    else onStore?.(role, read.slice(), `e8m${level.mantissaBits}-${level.rounding}`);
    return read;
  };
}

function quantizeBlocksOf(
  blocks: BlockQuantization,
  { onStore, windows, context = 0 }: StoreOptions,
): Quantize {
  const { length, squares, scale, transform, stochastic } = blocks;
  return (role, name, values, rows, sumsAlong = 'rows') => {
    if (role === 'normInput') return values;
    const width = values.length / rows;
    const along = sumsAlong === 'columns';
    const pre = blocks.preActivation;
    if (role === 'preActivation') {
      if (!pre) return values;
      const e4m3 = {
        format: 'e4m3fn',
        rows: 1,
        columns: pre.length,
        scale: { as: 'e8m0', rule: pre.rule },
      } as const;
      return stored(storedInBlocks(values, width, e4m3), 'e4m3fn');
    }
    const format = blocks.formats[role];
    if (format === 'f32') return values;
    const isSquare = squares && role === 'weight';
    const shape = {
      rows: along || isSquare ? length : 1,
      columns: along && !isSquare ? 1 : length,
    };
    const isMixed = transform && along && role !== 'weight';
    const source = isMixed ? transformedRows(values, width) : values;
    const isRandom = stochastic && role === 'outputGradient' && windows !== undefined;
    const random = isRandom
      ? windowBits(windows, context, width, streamOf(along ? `${name} for dW` : name))
      : undefined;
    return stored(storedInBlocks(source, width, { format, scale, ...shape }, random), format);

    function stored({ values: read, inverses }: StoredBlocks, format: FormatId): Float64Array {
      onStore?.(role, read.slice(), format, stepsOf(read, inverses, format));
      return read;
    }
  };
}

function quantizeOperands(
  operands: NonNullable<Rounding['operands']>,
  onStore: StoreOptions['onStore'],
): Quantize {
  return (role, _name, values, rows, sumsAlong = 'rows') => {
    const operand = operands[role];
    if (!operand) return values;
    const { format, per } = operand;
    const columns = values.length / rows;
    const byColumn = per === 'contraction' && sumsAlong === 'columns';
    const length = per === 'tensor' ? values.length : columns;
    const copy = byColumn
      ? quantizedByColumn(values, format, columns, 'f32')
      : quantizedInGroups(values, format, length, 'f32');
    const steps = byColumn ? stepsByColumn(values, format, columns) : stepsInGroups(values, format, length);
    onStore?.(role, copy.slice(), format, steps);
    return copy;
  };
}

/** Rounding at the storage points of a recipe. */
export function storeOf(recipe: Pick<Rounding, 'roles'>, options: StoreOptions = {}): Store {
  const { exact = false, onStore } = options;
  return (role, values) => {
    const format = recipe.roles[role];
    if (!exact || format !== 'f32') {
      for (let i = 0; i < values.length; i++) values[i] = roundTo(format, values[i]!);
    }
    onStore?.(role, values, format);
    return values;
  };
}
