/** What the oracles of all optimizers share: their options, and how a master is stored. */
import { randomBits } from '../core/rng.ts';
import type { MomentFormats } from '../precision/optimStates.ts';
import type { MasterRounding } from '../precision/recipes.ts';
import type { LossUnits } from './compound.ts';
import { type ChunkBits, roundStochastically, stepSeed } from './moments.ts';
import type { Store, Values } from './store.ts';

export interface UpdateOptions {
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
  /** StableAdamW: values of this tensor that the mean square of its update is over. Left out for other optimizers. */
  readonly clipUpdateOver?: number | undefined;
  /** With compound loss scaling: the units of the gradient and of the moments, before and after. */
  readonly units?: LossUnits | undefined;
}

/** How masters and states are stored where that is more than a format. */
export interface UpdateStorage {
  readonly moments: MomentFormats;
  readonly masterRounding: MasterRounding;
  readonly bits: ChunkBits;
  /** What rounding added to a compensated master, which each step changes; zeros at first. */
  readonly compensation?: Float64Array;
}

/** One step of one tensor, in place. An optimizer with one state leaves `v` as it is. */
export type UpdateOracle = (
  weight: Float64Array,
  grad: Values,
  m: Float64Array,
  v: Float64Array,
  options: UpdateOptions,
  store?: Store,
  storage?: UpdateStorage,
) => void;

/**
 * Rounds the updated weights in place.
 * @param before the weights as they were stored
 * @param step number of the applied step, from 1
 */
export function storeMaster(
  weight: Float64Array,
  before: Float64Array,
  step: number,
  storage: UpdateStorage,
  store: Store,
): void {
  const { masterRounding, bits, compensation } = storage;
  if (compensation) {
    const change = weight.map((x, i) => x - before[i]! - compensation[i]!);
    for (let i = 0; i < weight.length; i++) weight[i] = before[i]! + change[i]!;
    store('master', weight);
    for (let i = 0; i < weight.length; i++) compensation[i] = weight[i]! - before[i]! - change[i]!;
    store('master', compensation);
    return;
  }
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
