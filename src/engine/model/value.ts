/** What layers hand on to each other while a program is built. */
import type { Operand, Tensor } from '../gpu/tensor.ts';
import type { Activation } from '../kernels/activation.ts';
import type { Stored } from './emission.ts';
import type { Site } from './site.ts';

/** Where the gradient of a value is collected. */
export interface GradientPlace {
  /** What it is the gradient of: its label in messages. */
  readonly site: Site;
  readonly tensor: Tensor;
  /** Copy of `tensor` in the format in which matmuls read it, where that is another. */
  readonly rounded?: Tensor | undefined;
  /** Whoever writes it multiplies by the function's derivative at this pre-activation: only linear layers can. */
  readonly activationBackward?: Activation | undefined;
  /** In the numerics panel, where matmuls or attention read it: as it is stored, or only a quantised copy of it. */
  readonly listed?: 'stored' | 'quantised';
  /** Set by `Pass.accumulates`, which linear layers and norms ask: the first writer stores, later ones add. Values with one tensor share it. */
  readonly collected: { written: boolean };
}

/** A tensor of the model, (rows, columns), as the next layer reads it. */
export interface Value {
  readonly operand: Operand;
  readonly gradient: GradientPlace;
  /** Emits what makes the operand again for the backward pass, where the forward pass did not keep it. */
  readonly remake?: (() => void) | undefined;
}

/** Label of the operation that writes it. */
export function gradientLabel({ site }: GradientPlace): string {
  return `${site.name} gradient`;
}

/** What the operation that writes it stores, where that is listed. */
export function gradientStores(place: GradientPlace, slot: string): Stored[] {
  if (!place.listed) return [];
  const unmeasured = place.listed === 'quantised';
  const { site, tensor: operand } = place;
  return [
    { name: gradientLabel(place), kind: 'activationGradient', block: site.block, operand, slot, unmeasured },
  ];
}
