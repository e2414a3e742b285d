import { nextRoot, scaledEpsilon, toNextUnits } from './compound.ts';
import { storeMoment } from './moments.ts';
import type { Store, Values } from './store.ts';
import { storeMaster, type UpdateOptions, type UpdateStorage } from './update.ts';

/**
 * One AdamW step of one tensor, in place, as torch.optim.AdamW:
 * w -= lr * decay * w; w -= lr * mhat / (sqrt(vhat) + eps), with bias-corrected mhat and vhat.
 * The update uses m and v as computed, before `store` rounds them to their roles' formats (registers on
 * the GPU); the next step reads them as stored. With `storage` that says how all three are rounded, but for masters to
 * nearest. A split master comes and goes as the f32 that it is.
 *
 * StableAdamW divides lr of the second term, not of the decay, by max(1, RMS) with
 * RMS = sqrt(mean(g^2 / max(vhat, eps^2))): the reference code's variant, with this eps in both places.
 *
 * hAdam keeps h = sqrt(v) (1 - beta1) / sqrt(1 - beta2) in `v`, and adds eps to it: AdamW with eps sqrt(1 - beta2) / (1 - beta1).
 */
export function adamw(
  weight: Float64Array,
  grad: Values,
  m: Float64Array,
  v: Float64Array,
  options: UpdateOptions,
  store: Store = (_role, values) => values,
  storage?: UpdateStorage,
): void {
  const before = weight.slice();
  const { learningRate, beta1, beta2, weightDecay, step, gradFactor, clipUpdateOver, units } = options;
  const epsilon = units ? scaledEpsilon(options.epsilon, units) : options.epsilon;
  const hypot = storage?.moments.hypot === true;
  const unit = hypot ? Math.sqrt(1 - beta2) / (1 - beta1) : 1;
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  const rootOf = (second: number) => (hypot ? second : Math.sqrt(second)) / Math.sqrt(correction2);
  let squares = 0;
  for (let i = 0; i < weight.length; i++) {
    const g = grad[i]! * gradFactor;
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = hypot ? nextRoot(v[i]!, g, options) : beta2 * v[i]! + (1 - beta2) * g * g;
    squares += (g / Math.max(unit * rootOf(v[i]!), epsilon)) ** 2;
  }
  const rate =
    clipUpdateOver === undefined
      ? learningRate
      : learningRate / Math.max(1, Math.sqrt(squares / clipUpdateOver));
  for (let i = 0; i < weight.length; i++) {
    const decayed = weight[i]! - learningRate * weightDecay * weight[i]!;
    const mhat = m[i]! / correction1;
    weight[i] = decayed - (rate * mhat) / (unit * (rootOf(v[i]!) + epsilon));
  }
  if (!storage) {
    store('master', weight);
    store('firstMoment', m);
    store('secondMoment', v);
    return;
  }
  if (units) toNextUnits(m, v, units, storage.moments);
  storeMoment(m, 'firstMoment', storage.moments, step, storage.bits);
  storeMoment(v, 'secondMoment', storage.moments, step, storage.bits);
  storeMaster(weight, before, step, storage, store);
}
