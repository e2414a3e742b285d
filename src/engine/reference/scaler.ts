/**
 * The loss scaler as a pure state machine: PyTorch's GradScaler (torch/amp/grad_scaler.py) with a floor
 * and a ceiling. The oracle for the kernel that updates the scale on the GPU.
 */
import { SCALE_BACKOFF, SCALE_CEILING, SCALE_FLOOR, SCALE_GROWTH } from '../precision/recipes.ts';

export interface ScalerState {
  readonly scale: number;
  /** Clean steps since the scale last changed or overflowed. */
  readonly growthTracker: number;
}

export interface ScalerOptions {
  /** Clean steps before the scale grows. */
  readonly interval: number;
  readonly growth?: number;
  readonly backoff?: number;
  readonly floor?: number;
  /** Limits growth only: a scale that started above it stays until it backs off. */
  readonly ceiling?: number;
}

/** GradScaler itself has no floor, and no ceiling but the largest finite f32. */
export const TORCH_LIMITS = { floor: 0, ceiling: Number.POSITIVE_INFINITY } as const;

/** The state after one step. Arithmetic is f32's, as the state is kept on the GPU. */
export function updateScaler(state: ScalerState, foundInf: boolean, options: ScalerOptions): ScalerState {
  const {
    interval,
    growth = SCALE_GROWTH,
    backoff = SCALE_BACKOFF,
    floor = SCALE_FLOOR,
    ceiling = SCALE_CEILING,
  } = options;
  if (foundInf) {
    return { scale: Math.max(floor, Math.fround(state.scale * backoff)), growthTracker: 0 };
  }
  if (state.growthTracker + 1 < interval) return { ...state, growthTracker: state.growthTracker + 1 };
  const grown = Math.fround(state.scale * growth);
  const allowed = Number.isFinite(grown) && grown <= ceiling;
  return { scale: allowed ? grown : state.scale, growthTracker: 0 };
}
