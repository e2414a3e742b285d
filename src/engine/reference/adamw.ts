import type { Store, Values } from './store.ts';

export interface AdamwOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled; 0 for tensors that do not decay. */
  readonly weightDecay: number;
  /** Number of this applied step, from 1; skipped steps do not count. */
  readonly step: number;
  /** What a stored gradient is multiplied by: 1 / loss scale times the clip coefficient. */
  readonly gradFactor: number;
}

/**
 * One AdamW step of one tensor, in place, as torch.optim.AdamW:
 * w -= lr * decay * w; w -= lr * mhat / (sqrt(vhat) + eps), with bias-corrected mhat and vhat.
 * The update uses m and v as computed, before `store` rounds them to their roles' formats (registers on
 * the GPU); the next step reads them as stored.
 */
export function adamw(
  weight: Float64Array,
  grad: Values,
  m: Float64Array,
  v: Float64Array,
  options: AdamwOptions,
  store: Store = (_role, values) => values,
): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step, gradFactor } = options;
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  for (let i = 0; i < weight.length; i++) {
    const g = grad[i]! * gradFactor;
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    const decayed = weight[i]! - learningRate * weightDecay * weight[i]!;
    const mhat = m[i]! / correction1;
    const vhat = v[i]! / correction2;
    weight[i] = decayed - (learningRate * mhat) / (Math.sqrt(vhat) + epsilon);
  }
  store('master', weight);
  store('firstMoment', m);
  store('secondMoment', v);
}
