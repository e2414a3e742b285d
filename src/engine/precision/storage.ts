/** How the numbers of a tensor are stored: one value, which a recipe gives for a role and a place in the model. */
import type { FormatId } from './formats.ts';
import type { AmaxAlgorithm } from './quantization.ts';

/** Roles whose storage may differ from place to place. */
export type SiteRole =
  /** x: input of a forward matmul, saved as rounded for dW (layer-norm and GELU outputs). */
  | 'activation'
  /** w: the matrix a forward matmul and its dX read. */
  | 'weight'
  /** dY operand: rounded copy of an output gradient, read only by dX and dW matmuls. */
  | 'outputGradient'
  /** q, k, v, the attention output and their gradients. */
  | 'attention'
  /** What GELU's backward needs. */
  | 'preActivation'
  /** What layer norm reads of the residual stream: the stream itself, or a quantised copy of it. */
  | 'normInput';

/** Roles of tensors that all places share, so that a run has one storage of each. */
export type RunRole =
  | 'residual'
  | 'residualGradient'
  /** dW, bias and layer-norm gradients as they are accumulated. */
  | 'gradient'
  /** The copy the optimizer updates; embeddings, biases and layer-norm parameters are read from it. */
  | 'master'
  | 'firstMoment'
  | 'secondMoment';

/** What a tensor is for. Kernels see storages, never modes. */
export type Role = SiteRole | RunRole;

/**
 * How values are rounded where they are stored: to nearest; up or down at random, so that updates below half a step count on
 * average; or in two halves, of which the upper is what the model reads and the lower keeps the digits that it drops.
 */
export type MasterRounding = 'nearest' | 'stochastic' | 'split';

/** How a scale follows from the largest magnitudes of the steps before, so that the tensor is read once. */
export interface DelayedScaling {
  /** Steps whose largest magnitudes are kept. */
  readonly historyLength: number;
  readonly algorithm: AmaxAlgorithm;
  /** Powers of two of room above the largest magnitude. */
  readonly margin: number;
}

/** A factor that values are multiplied by before they are rounded: the largest one that keeps the largest magnitude in the format. */
export interface Scale {
  /** What shares a scale: the tensor, a row of it, or so many consecutive elements. */
  readonly per: 'tensor' | 'row' | { readonly block: number };
  /** A power of two, as an f32 number or as its exponent in one byte (E8M0). */
  readonly as: 'pow2' | 'e8m0';
  /** From the tensor itself, which is then read twice, or from the steps before. Only scales of tensors may be delayed. */
  readonly when: 'current' | DelayedScaling;
}

export interface Storage {
  readonly format: FormatId;
  /** To nearest where absent; the others are for masters in bf16. */
  readonly rounding?: MasterRounding;
  /** With scales a tensor is a copy that quantise kernels make; without, kernels store it as it is. */
  readonly scales?: readonly Scale[];
  /** With scales: the format of what the copy is made from. */
  readonly from?: FormatId;
}

/** A place in the model. */
export interface StorageSite {
  /** Null outside of all blocks: embeddings, the final norm, the head. */
  readonly block: number | null;
  /** Blocks of the model. */
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

/** The format in which kernels store what has this storage: its own, or that of what is then quantised. */
export function writtenFormat({ format, from }: Storage): FormatId {
  return from ?? format;
}

/** The scale that the whole tensor shares: a record in the run's table of scales. */
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
