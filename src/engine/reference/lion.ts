import { storeMoment } from './moments.ts';
import type { Store, Values } from './store.ts';
import { storeMaster, type UpdateOptions, type UpdateStorage } from './update.ts';

/**
 * One Lion step of one tensor, in place (Chen et al. 2023, algorithm 2): w -= lr * (decay * w + sign(beta1 m + (1 - beta1) g)),
 * then m = beta2 m + (1 - beta2) g, both from the m before the step. The sign of 0 is 0. `v` and epsilon are not used.
 */
export function lion(
  weight: Float64Array,
  grad: Values,
  m: Float64Array,
  _v: Float64Array,
  options: UpdateOptions,
  store: Store = (_role, values) => values,
  storage?: UpdateStorage,
): void {
  const { learningRate, beta1, beta2, weightDecay, step, gradFactor } = options;
  const before = weight.slice();
  for (let i = 0; i < weight.length; i++) {
    const g = grad[i]! * gradFactor;
    const direction = Math.sign(beta1 * m[i]! + (1 - beta1) * g);
    m[i] = beta2 * m[i]! + (1 - beta2) * g;
    weight[i] = weight[i]! - learningRate * (weightDecay * weight[i]! + direction);
  }
  if (!storage) {
    store('master', weight);
    store('firstMoment', m);
    return;
  }
  storeMoment(m, 'firstMoment', storage.moments, step, storage.bits);
  storeMaster(weight, before, step, storage, store);
}
