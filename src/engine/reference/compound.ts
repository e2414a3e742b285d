/**
 * Compound loss scaling in f64 (Bjorck et al. 2021, arXiv 2102.13565): the oracle for what the condition `compoundScaling` changes in
 * shaders/gradient_norm.wgsl, step_decide.wgsl and adamw.wgsl. Gradients are never divided by the loss scale; m and h are in its
 * units, v in their squares, and all follow when the scale doubles or halves.
 */
import { largestFinite } from '../precision/formats.ts';
import type { MomentFormats } from '../precision/optimStates.ts';
import { type ScalerOptions, type ScalerState, updateScaler } from './scaler.ts';
import type { Values } from './store.ts';

/** The loss scale of a step, and of the next one. */
export interface LossUnits {
  readonly used: number;
  readonly next: number;
}

interface Rates {
  readonly beta1: number;
  readonly beta2: number;
}

/** One parameter at the end of a backward pass. */
export interface ScaledParameter {
  readonly gradient: Values;
  readonly m: Float64Array;
  readonly v: Float64Array;
  readonly moments: MomentFormats;
}

const MARGIN = 1.1;

/** Epsilon in units of the loss scale. */
export function scaledEpsilon(epsilon: number, { used }: LossUnits): number {
  return Math.max(epsilon * used, 1e-7);
}

/** h of hAdam after a gradient. */
export function nextRoot(h: number, g: number, { beta1, beta2 }: Rates): number {
  return Math.hypot((1 - beta1) * g, Math.sqrt(beta2) * h);
}

/** Changes moments to the units of the next step, in place. */
export function toNextUnits(
  m: Float64Array,
  v: Float64Array,
  { used, next }: LossUnits,
  { hypot }: MomentFormats,
): void {
  const change = next / used;
  for (let i = 0; i < m.length; i++) {
    m[i] = m[i]! * change;
    v[i] = v[i]! * (hypot ? change : change ** 2);
  }
}

/** Whether a moment could exceed its format if such gradients kept coming. */
export function exceedsLimit({ gradient, moments }: ScaledParameter, { beta1, beta2 }: Rates): boolean {
  let largest = 0;
  for (const g of gradient) largest = Math.max(largest, Math.abs(g));
  const ofSecond = moments.hypot ? largest * Math.max(1, (1 - beta1) / Math.sqrt(1 - beta2)) : largest ** 2;
  return (
    MARGIN * largest > largestFinite(moments.firstMoment) ||
    MARGIN * ofSecond > largestFinite(moments.secondMoment)
  );
}

/** Whether the moments after this gradient, unclipped, have room for a loss scale twice as large. */
export function hasRoom({ gradient, m, v, moments }: ScaledParameter, rates: Rates): boolean {
  const { beta1, beta2 } = rates;
  return m.every((old, i) => {
    const g = gradient[i]!;
    const first = 2 * Math.abs(beta1 * old + (1 - beta1) * g);
    const second = moments.hypot ? 2 * nextRoot(v[i]!, g, rates) : 4 * (beta2 * v[i]! + (1 - beta2) * g ** 2);
    return (
      MARGIN * first <= largestFinite(moments.firstMoment) &&
      MARGIN * second <= largestFinite(moments.secondMoment)
    );
  });
}

/** The scaler after a step, whose scale doubles only where all moments have room. */
export function updateCompoundScaler(
  state: ScalerState,
  skipped: boolean,
  options: ScalerOptions,
  parameters: readonly ScaledParameter[],
  rates: Rates,
): ScalerState {
  const next = updateScaler(state, skipped, options);
  if (next.scale <= state.scale || parameters.every((one) => hasRoom(one, rates))) return next;
  return { scale: state.scale, growthTracker: 0 };
}
