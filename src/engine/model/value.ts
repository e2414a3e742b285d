/** The values that layers pass to each other while a program is built. */
import type { Operand, Tensor } from '../gpu/tensor.ts';
import type { ActivationBackward } from '../kernels/activation.ts';
import type { Stored } from './emission.ts';
import type { Site } from './site.ts';

/** Where the gradient of a value is collected. */
export interface GradientPlace {
  /** The site whose output this is the gradient of. It gives the gradient its label in messages. */
  readonly site: Site;
  readonly tensor: Tensor;
  /** Copy of `tensor` in the format that matmuls read, where that differs. */
  readonly rounded?: Tensor | undefined;
  /** The writer multiplies the gradient by the function's derivative at this pre-activation. Only linear layers can do so. */
  readonly activationBackward?: ActivationBackward | undefined;
  /** Listed in the numerics panel, because matmuls or attention read it as stored, or read a quantised copy of it. */
  readonly listed?: 'stored' | 'quantised';
  /** Set by {@link accumulates} at the first write; later writers add. Values whose gradients share a tensor share this object. */
  readonly collected: { written: boolean };
}

/** A tensor of the model, (rows, columns), in the form that the next layer reads. */
export interface Value {
  readonly operand: Operand;
  /** What the weight gradient reads, where that is another copy. */
  readonly saved?: Operand | undefined;
  readonly gradient: GradientPlace;
  /** Emits the operations that recompute that in the backward pass; undefined where the forward pass keeps it. */
  readonly remake?: (() => void) | undefined;
}

/** Whether the next writer of the gradient must add to it; the first one stores. Call it exactly once for each writer. */
export function accumulates({ collected }: GradientPlace): boolean {
  const { written } = collected;
  collected.written = true;
  return written;
}

/** Label of the operation that writes the gradient. */
export function gradientLabel({ site }: GradientPlace): string {
  return `${site.name} gradient`;
}

/** The listed tensors that the operation that writes the gradient stores: one or none. */
export function gradientStores(place: GradientPlace, slot: string): Stored[] {
  if (!place.listed) return [];
  const unmeasured = place.listed === 'quantised';
  const { site, tensor: operand } = place;
  return [
    { name: gradientLabel(place), kind: 'activationGradient', block: site.block, operand, slot, unmeasured },
  ];
}
