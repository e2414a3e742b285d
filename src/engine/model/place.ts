/** Where a pass keeps the operands that layers store. */
import type { Operand } from '../gpu/tensor.ts';

/** An operand that a layer stores. */
export interface Place {
  /** What the forward pass reads. */
  readonly operand: Operand;
  /** What the backward pass reads: the same operand, its second copy, or the tensor from which copies are made. */
  readonly saved: Operand;
  /** Whether the backward pass must recompute `saved` alone. */
  readonly dropped: boolean;
}
