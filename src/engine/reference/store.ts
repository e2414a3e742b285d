import type { DescribedRole, ModeDescription, Quantization } from '../precision/description.ts';
import type { FormatId } from '../precision/formats.ts';
import type { QuantizedRole } from '../precision/mixedPrecision.ts';
import { roundTo } from './rounding.ts';
import { currentScale, quantized, quantizedByColumn, quantizedInGroups } from './tensorScale.ts';

/** What the oracles read: any array of numbers. */
export type Values = Float64Array | Float32Array;

/** What the model rounds, and where: a mode as programs write it, which the oracle reads by itself. */
export interface Rounding
  extends Pick<ModeDescription<string>, 'roles'>,
    Partial<Pick<ModeDescription<string>, 'masterRounding'>> {
  readonly quantization?: Quantization;
  /** Roles that have another format in the last block. */
  readonly lastBlock?: Partial<Rounding['roles']>;
}

/** What a block rounds. */
export function roundingOfBlock(recipe: Rounding, isLast: boolean): Rounding {
  return isLast ? { ...recipe, roles: { ...recipe.roles, ...recipe.lastBlock } } : recipe;
}

/** Rounds `values` in place as a kernel that stores a tensor of this role does, and returns them. */
export type Store = (role: DescribedRole, values: Float64Array) => Float64Array;

export interface StoreOptions {
  /** Leaves roles in f32 unrounded: with f32 only the model is smooth, and finite differences are clean. */
  readonly exact?: boolean;
  /** Sees every tensor as it was stored, in order, and its format. It must not keep `values`: they may change later. */
  readonly onStore?: (role: DescribedRole | QuantizedRole, values: Float64Array, format: FormatId) => void;
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
  recipe: Pick<Rounding, 'quantization'>,
  options: StoreOptions = {},
): (...args: Parameters<Quantize>) => Copies {
  const quantize = quantizeOf(recipe, options);
  return (role, name, values, count) => {
    const rows = quantize(role, name, values, count, 'rows');
    const two = recipe.quantization?.scale?.per === 'contraction';
    return { rows, columns: two ? quantize(role, name, values, count, 'columns') : rows };
  };
}

const IN_GROUPS: readonly QuantizedRole[] = ['preActivation', 'normInput'];

/** Quantisation at the points of a recipe; `onStore` sees values times their scale, but those in groups as they read back. */
export function quantizeOf(
  { quantization }: Pick<Rounding, 'quantization'>,
  { onStore, scales }: StoreOptions = {},
): Quantize {
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
