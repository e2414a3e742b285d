/** A storage describes how the numbers of a tensor are stored. A recipe gives one for each role and place in the model. */
import type { FormatId } from './formats.ts';
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
 * and the lower holds the remaining bits.
 */
export type MasterRounding = 'nearest' | 'stochastic' | 'split';

/** How a scale is computed from the largest magnitudes of earlier steps, so that the tensor is read only once. */
export interface DelayedScaling {
  /** Steps whose largest magnitudes are kept. */
  readonly historyLength: number;
  readonly algorithm: AmaxAlgorithm;
  /** Headroom above the largest magnitude, in powers of two. */
  readonly margin: number;
}

/** A factor by which values are multiplied before they are rounded: the largest that keeps the largest magnitude within the format. */
export interface Scale {
  /** What shares a scale: the tensor, a row of it, or so many consecutive elements. */
  readonly per: 'tensor' | 'row' | { readonly block: number };
  /** A power of two, as an f32 number or as its exponent in one byte (E8M0). */
  readonly as: 'pow2' | 'e8m0';
  /** Computed from the tensor itself, which is then read twice, or from earlier steps. Only scales of whole tensors may be delayed. */
  readonly when: 'current' | DelayedScaling;
}

export interface Storage {
  readonly format: FormatId;
  /** `nearest` if absent; the others are for masters in bf16. */
  readonly rounding?: MasterRounding;
  /** If present, the tensor is a copy that quantise kernels make; otherwise, kernels store it directly. */
  readonly scales?: readonly Scale[];
  /** If there are scales, the format of the tensor from which the copy is made. */
  readonly from?: FormatId;
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

export function isQuantized({ scales }: Storage): boolean {
  return scales !== undefined;
}

/** The format in which kernels store the tensor: that of the storage, or of the tensor that is quantised afterwards. */
export function writtenFormat({ format, from }: Storage): FormatId {
  return from ?? format;
}

/** The scale of the whole tensor, which has a record in the run's table of scales; undefined if it has none. */
export function tensorScale({ scales }: Storage): Scale | undefined {
  return scales?.find(({ per }) => per === 'tensor');
}

/** The scale that consecutive elements share, and how many do where a row has `columns`; undefined where none is smaller than the tensor's. */
export function blockScale(
  { scales }: Storage,
  columns: number,
): { readonly block: number; readonly as: Scale['as'] } | undefined {
  for (const { per, as } of scales ?? []) {
    if (per !== 'tensor') return { block: per === 'row' ? columns : per.block, as };
  }
  return undefined;
}
