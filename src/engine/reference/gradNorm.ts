import type { Values } from './store.ts';

/** True when no value is an infinity or NaN. */
export function allFinite(values: Values): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** Global 2-norm over all tensors of the unscaled gradients grad * invScale. */
export function gradNorm(gradients: Iterable<Values>, invScale = 1): number {
  let squares = 0;
  for (const grad of gradients) {
    for (let i = 0; i < grad.length; i++) squares += (grad[i]! * invScale) ** 2;
  }
  return Math.sqrt(squares);
}

/** What gradients are multiplied by, as in torch's clip_grad_norm_; `clip` 0 turns clipping off. */
export function clipCoefficient(norm: number, clip: number): number {
  return clip === 0 ? 1 : Math.min(1, clip / (norm + 1e-6));
}
