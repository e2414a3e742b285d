/** A storage describes how the numbers of a tensor are stored. A recipe gives one for each role and place in the model. */
import type { FormatId } from './formats.ts';
import type { LevelRole } from './levels.ts';
import type { AmaxAlgorithm } from './quantization.ts';

/** Roles whose storage may differ between places. */
export type SiteRole =
  /** x: input of a forward matmul (layer-norm and GELU outputs), saved in its rounded form for dW. */
  | 'activation'
  /** w: the matrix that a forward matmul and its dX matmul read. */
  | 'weight'
  /** dY operand: rounded copy of an output gradient, read only by dX and dW matmuls. */
  | 'outputGradient'
  /** q, k, v, the attention output and their gradients. */
  | 'attention'
  /** The input of the activation function, saved for its backward pass. */
  | 'preActivation'
  /** The input of layer norm: the residual stream itself, or a quantised copy of it. */
  | 'normInput';

/** Roles that have a single storage in a run. */
export type RunRole =
  | 'residual'
  | 'residualGradient'
  /** Accumulated gradients of all parameters. */
  | 'gradient'
  /** The weights that the optimizer updates. Embeddings, biases and layer-norm parameters are read from them. */
  | 'master'
  | 'firstMoment'
  | 'secondMoment';

/** The purpose of a tensor. Kernels know storages, never modes. */
export type Role = SiteRole | RunRole;

/**
 * How master weights are rounded when they are stored. `nearest`: to nearest, ties to even. `stochastic`: up or down at random,
 * so that updates below half a rounding step count on average. `split`: into two halves, of which the model reads the upper,
 * and the lower holds the remaining bits. `compensated`: to nearest, with what rounding added kept in a second tensor of the same
 * format and taken away from the next update (Kahan summation). `fixed`: the
 * nearest f32 of a 64-bit fixed-point weight in a second tensor.
 */
export type MasterRounding = 'nearest' | 'stochastic' | 'split' | 'compensated' | 'fixed';

/** How a scale is computed from the largest magnitudes of earlier steps, so that the tensor is read only once. */
export interface DelayedScaling {
  /** Steps whose largest magnitudes are kept. */
  readonly historyLength: number;
  readonly algorithm: AmaxAlgorithm;
  /** Headroom above the largest magnitude, in powers of two. */
  readonly margin: number;
}

/**
 * How a scale is stored: a power of two as an f32 number or as its exponent in one byte (E8M0), or any number in f32 or in one
 * byte (E4M3). The range of E4M3 is small, so such a scale is multiplied by an f32 scale of the tensor.
 */
export type ScaleKind = 'pow2' | 'e8m0' | 'f32' | 'e4m3';

/**
 * How a power of two is chosen from the largest magnitude of a block, as torchao names the rules. With 2^e at most the magnitude
 * and 2^E the largest power of two of the format: `floor` is 2^(e - E), as OCP has it, with which the top of a block saturates;
 * `ceil` rounds the magnitude up to a power of two first, and `even` to the format's mantissa bits; `rceil` is the smallest scale
 * with which nothing saturates.
 */
export const SCALE_RULES = ['floor', 'rceil', 'ceil', 'even'] as const;
export type ScaleRule = (typeof SCALE_RULES)[number];

/**
 * A factor by which values are multiplied before they are rounded: the largest that keeps the largest magnitude within the
 * format, unless a rule says otherwise.
 */
export interface Scale {
  /**
   * What shares a scale: the tensor, a row of it, so many consecutive elements, a square of so many rows and columns, or the
   * elements that one sum of a matmul runs over (a row or a column, or so many elements of it). In the last case an operand has
   * two copies, because its two products sum over different dimensions. Blocks at the end of a row or a column may be shorter.
   */
  readonly per:
    | 'tensor'
    | 'row'
    | 'contraction'
    | { readonly block: number }
    | { readonly contraction: number }
    | { readonly square: number };
  readonly as: ScaleKind;
  /** Of scales that are powers of two; absent for the largest that fits. Settings of a run may change it where it is present. */
  readonly rule?: ScaleRule;
  /** Whether models that are narrower than {@link WIDE} have smaller blocks. */
  readonly narrows?: true;
  /** Computed from the tensor itself, which is then read twice, or from earlier steps. Only scales of whole tensors may be delayed. */
  readonly when: 'current' | DelayedScaling;
}

/** Width from which on blocks have their full size where it depends on the width. */
const WIDE = 256;

/** The scale as a model of that width has it: a block of 128 that narrows has 64 elements from width 128 on, and 32 below. */
export function narrowed(scale: Scale, width: number): Scale {
  const { per } = scale;
  if (!scale.narrows || width >= WIDE || typeof per === 'string') return scale;
  const length = width >= WIDE / 2 ? 64 : 32;
  const own =
    'square' in per ? { square: length } : 'block' in per ? { block: length } : { contraction: length };
  return { ...scale, per: own };
}

export interface Storage {
  readonly format: FormatId;
  /** `nearest` if absent; the others are for masters in bf16, and `stochastic` also for gradients with block scales. */
  readonly rounding?: MasterRounding;
  /**
   * Of the copy whose sums run along tokens: each {@link HADAMARD} tokens are mixed by a Hadamard matrix with random signs before
   * they are rounded. It is orthogonal, and leaves a product of two such copies as it is.
   */
  readonly transform?: 'hadamard16';
  /** If present, the tensor is a copy that quantise kernels make; otherwise, kernels store it directly. */
  readonly scales?: readonly Scale[];
  /** If present, the tensor is a copy that is rounded to the levels of this operand in the run's table; see levels.ts. */
  readonly levels?: LevelRole;
  /** If there are scales or levels, the format of the tensor from which the copy is made. */
  readonly from?: FormatId;
  /**
   * If there are scales, what the weight gradient reads: with `source` the tensor from which the copy is made, which only the
   * other product then reads. Absent for a copy.
   */
  readonly weightGradient?: 'source';
}

/** A place in the model. */
export interface StorageSite {
  /** Null outside of all blocks: embeddings, the final norm, the head. */
  readonly block: number | null;
  /** Number of blocks in the model. */
  readonly blocks: number;
}

/** The places that have a name. */
const PLACES = {
  blocks: ({ block }) => block !== null,
  'last block': ({ block, blocks }) => block === blocks - 1,
  head: ({ block }) => block === null,
} as const satisfies Readonly<Record<string, (site: StorageSite) => boolean>>;
/** A place that has a name, or so many last blocks. */
export type Place = keyof typeof PLACES | { readonly lastBlocks: number };

export function isAt(place: Place, site: StorageSite): boolean {
  if (typeof place === 'string') return PLACES[place](site);
  const { block, blocks } = site;
  return block !== null && block >= blocks - place.lastBlocks;
}

export function isQuantized({ scales, levels }: Storage): boolean {
  return scales !== undefined || levels !== undefined;
}

/** The format in which kernels store the tensor: that of the storage, or of the tensor that is quantised afterwards. */
export function writtenFormat({ format, from }: Storage): FormatId {
  return from ?? format;
}

/** The scale of the whole tensor, which has a record in the run's table of scales; undefined if it has none. */
export function tensorScale({ scales }: Storage): Scale | undefined {
  return scales?.find(({ per }) => per === 'tensor');
}

/** What the sums of a product run along in an operand as it is stored: its rows, which then share a scale, or its columns. */
export type SumsAlong = 'rows' | 'columns';

/** The copies of an operand are two, one for each product: each has scales of what the sums of its own run along. */
export function hasTwoCopies({ scales }: Storage): boolean {
  return scales?.some(({ per }) => per === 'contraction' || isAlong(per)) ?? false;
}

function isAlong(per: Scale['per']): per is { readonly contraction: number } {
  return typeof per === 'object' && 'contraction' in per;
}

/** Whether the weight gradient reads the tensor from which the copy is made. */
export function keepsSource({ weightGradient }: Storage): boolean {
  return weightGradient === 'source';
}

/** Rows of a matrix by which {@link Storage.transform} mixes. */
export const HADAMARD = 16;

/** Rows of the copy whose sums run along `rows` tokens: with a transform, the last tokens are followed by zeros. */
export function contractedRows({ transform }: Storage, rows: number): number {
  return transform ? Math.ceil(rows / HADAMARD) * HADAMARD : rows;
}

/** The part of a matrix that shares a scale. Parts at the ends of rows and columns may be smaller. */
export interface Tile {
  readonly rows: number;
  /** 1, or a multiple of 4. */
  readonly columns: number;
  /** Columns of the matrix. */
  readonly width: number;
}

/** Scales that are smaller than the tensor's: of so many consecutive elements, of each of so many columns, or of tiles. */
export type BlockScale = { readonly as: ScaleKind } & (
  | { readonly block: number; readonly columns?: undefined; readonly tile?: undefined }
  | { readonly columns: number; readonly block?: undefined; readonly tile?: undefined }
  | { readonly tile: Tile; readonly block?: undefined; readonly columns?: undefined }
);

/**
 * The scales of an operand with so many columns, in the copy for products whose sums run along `along`; undefined where none is
 * smaller than the tensor's.
 */
export function blockScale(
  { scales }: Storage,
  columns: number,
  along: SumsAlong = 'rows',
): BlockScale | undefined {
  for (const { per, as } of scales ?? []) {
    if (per === 'tensor') continue;
    if (typeof per === 'string') {
      return per === 'contraction' && along === 'columns' ? { columns, as } : { block: columns, as };
    }
    if ('square' in per) return { tile: { rows: per.square, columns: per.square, width: columns }, as };
    const length = 'block' in per ? per.block : per.contraction;
    if ('contraction' in per && along === 'columns')
      return { tile: { rows: length, columns: 1, width: columns }, as };
    // Blocks of consecutive elements, unless the last one of a row is shorter than the others.
    if (columns % length === 0 || columns < length) return { block: Math.min(columns, length), as };
    return { tile: { rows: 1, columns: length, width: columns }, as };
  }
  return undefined;
}

/** How the values of blocks are rounded, besides their format. */
export interface BlockRounding {
  /** Of powers of two, with which infinity or NaN makes all of a block infinity or NaN; null for the largest scale that fits. */
  readonly rule: ScaleRule | null;
  readonly stochastic: boolean;
  /** Whether the copy is the transform of the tensor. */
  readonly transform: boolean;
}

/** How the copy for products whose sums run along `along` is rounded where blocks have scales. */
export function blockRounding(
  { scales, rounding, transform }: Storage,
  along: SumsAlong = 'rows',
): BlockRounding {
  return {
    rule: scales?.find(({ rule }) => rule)?.rule ?? null,
    stochastic: rounding === 'stochastic',
    transform: transform !== undefined && along === 'columns',
  };
}
