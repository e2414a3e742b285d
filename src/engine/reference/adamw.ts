import { randomBits } from '../core/rng.ts';
import type { MomentFormats } from '../precision/optimStates.ts';
import type { MasterRounding } from '../precision/recipes.ts';
import { type ChunkBits, roundStochastically, stepSeed, storeMoments } from './moments.ts';
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
  /** StableAdamW: values of this tensor that the mean square of its update is over. Left out for plain AdamW. */
  readonly clipUpdateOver?: number | undefined;
}

/** How what AdamW leaves behind is stored where that is more than a format. */
export interface AdamwStorage {
  readonly moments: MomentFormats;
  readonly masterRounding: MasterRounding;
  readonly bits: ChunkBits;
}

/**
 * One AdamW step of one tensor, in place, as torch.optim.AdamW:
 * w -= lr * decay * w; w -= lr * mhat / (sqrt(vhat) + eps), with bias-corrected mhat and vhat.
 * The update uses m and v as computed, before `store` rounds them to their roles' formats (registers on
 * the GPU); the next step reads them as stored. With `storage` that says how all three are rounded, but for masters to
 * nearest. A split master comes and goes as the f32 that it is.
 *
 * StableAdamW divides lr of the second term, not of the decay, by max(1, RMS) with
 * RMS = sqrt(mean(g^2 / max(vhat, eps^2))): the reference code's variant, with this eps in both places.
 */
export function adamw(
  weight: Float64Array,
  grad: Values,
  m: Float64Array,
  v: Float64Array,
  options: AdamwOptions,
  store: Store = (_role, values) => values,
  storage?: AdamwStorage,
): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step, gradFactor, clipUpdateOver } = options;
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  let squares = 0;
  for (let i = 0; i < weight.length; i++) {
    const g = grad[i]! * gradFactor;
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    squares += (g / Math.max(Math.sqrt(v[i]! / correction2), epsilon)) ** 2;
  }
  const rate =
    clipUpdateOver === undefined
      ? learningRate
      : learningRate / Math.max(1, Math.sqrt(squares / clipUpdateOver));
  for (let i = 0; i < weight.length; i++) {
    const decayed = weight[i]! - learningRate * weightDecay * weight[i]!;
    const mhat = m[i]! / correction1;
    const vhat = v[i]! / correction2;
    weight[i] = decayed - (rate * mhat) / (Math.sqrt(vhat) + epsilon);
  }
  if (!storage) {
    store('master', weight);
    store('firstMoment', m);
    store('secondMoment', v);
    return;
  }
  storeMoments(m, v, storage.moments, step, storage.bits);
  storeMaster(weight, step, storage, store);
}

function storeMaster(weight: Float64Array, step: number, storage: AdamwStorage, store: Store): void {
  const { masterRounding, bits } = storage;
  if (masterRounding === 'nearest') {
    store('master', weight);
    return;
  }
  const seed = stepSeed(bits, step, 'master');
  for (let i = 0; i < weight.length; i++) {
    const x = weight[i]!;
    weight[i] =
      masterRounding === 'split' ? Math.fround(x) : roundStochastically(x, randomBits(bits.first + i, seed));
  }
}
