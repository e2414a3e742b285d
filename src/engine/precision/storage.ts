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

/** A factor by which values are multiplied before they are rounded: the largest that keeps the largest magnitude within the format. */
export interface Scale {
  /**
   * What shares a scale: the tensor, a row of it, so many consecutive elements, or the elements that one sum of a matmul runs
   * over (a row or a column). In the last case an operand has two copies, because its two products sum over different dimensions.
   */
  readonly per: 'tensor' | 'row' | 'contraction' | { readonly block: number };
  readonly as: ScaleKind;
  /** Computed from the tensor itself, which is then read twice, or from earlier steps. Only scales of whole tensors may be delayed. */
  readonly when: 'current' | DelayedScaling;
}

export interface Storage {
  readonly format: FormatId;
  /** `nearest` if absent; the others are for masters in bf16. */
  readonly rounding?: MasterRounding;
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

/** The places that a recipe can name. */
export const PLACES = {
  blocks: ({ block }) => block !== null,
  'last block': ({ block, blocks }) => block === blocks - 1,
  head: ({ block }) => block === null,
} as const satisfies Readonly<Record<string, (site: StorageSite) => boolean>>;
export type Place = keyof typeof PLACES;

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

/** The copies of an operand are two, one for each product: each has scales that are constant along the sums of its own. */
export function hasTwoCopies({ scales }: Storage): boolean {
  return scales?.some(({ per }) => per === 'contraction') ?? false;
}

/** Whether the weight gradient reads the tensor from which the copy is made. */
export function keepsSource({ weightGradient }: Storage): boolean {
  return weightGradient === 'source';
}

/** Scales that are smaller than the tensor's: of so many consecutive elements, or of each of so many columns. */
export type BlockScale = { readonly as: ScaleKind } & (
  | { readonly block: number; readonly columns?: undefined }
  | { readonly columns: number; readonly block?: undefined }
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
    if (per === 'contraction' && along === 'columns') return { columns, as };
    return { block: typeof per === 'string' ? columns : per.block, as };
  }
  return undefined;
}
