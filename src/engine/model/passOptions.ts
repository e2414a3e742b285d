/** What a pass computes, and for whom. */
import type { RecomputeLevel } from '../config/trainConfig.ts';
import type { Tensor } from '../gpu/tensor.ts';

/**
 * How long a tensor of a block is kept: always, only during the forward pass, or for the backward pass at recompute levels
 * below the named one.
 */
export type Lifetime = 'kept' | 'forward' | Exclude<RecomputeLevel, 'none'>;

export interface PassOptions {
  /** Whether layers push a backward pass onto the tape. */
  readonly trains: boolean;
  readonly windows: number;
  /** Receives the site number of the first operation that overflows. */
  readonly found: Tensor;
  /** Whether the pass finds the initial delayed scales. It then stores each tensor with its current scale. */
  readonly calibrates?: boolean;
  /** Computes some tokens of one window instead of whole windows. */
  readonly continuation?: Continuation;
}

/** Tokens of a window whose earlier tokens have left their keys and values in a cache. */
export interface Continuation {
  readonly rows: number;
  /** (1) u32: the place of the first of them in the window. It changes between replays. */
  readonly position: Tensor;
}
