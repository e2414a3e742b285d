/** Where a pass keeps the operands that layers store. */
import type { RecomputeLevel } from '../config/trainConfig.ts';
import type { Operand } from '../gpu/tensor.ts';

/**
 * How long a tensor of a block is kept: always, only during the forward pass, or for the backward pass at recompute levels
 * below the named one.
 */
export type Lifetime = 'kept' | 'forward' | Exclude<RecomputeLevel, 'none'>;

/** An operand that a layer stores. */
export interface Place {
  /** What the forward pass reads. */
  readonly operand: Operand;
  /** What the backward pass reads: the same operand, its second copy, or the tensor from which copies are made. */
  readonly saved: Operand;
  /** Whether the backward pass must recompute `saved` alone. */
  readonly dropped: boolean;
}
