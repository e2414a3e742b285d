/** The TypeScript view of `StepState` in shaders/lib/step_state.wgsl, with the same words in the same order. */
export const STEP_STATE_WORDS = 16;

export interface StepState {
  readonly lossScale: number;
  readonly growthTracker: number;
  readonly applied: number;
  readonly skipped: number;
  readonly consecutiveSkips: number;
  /** Site number of the first dispatch that overflowed, or null. */
  readonly overflowSite: number | null;
  readonly lossSum: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly scaleUsed: number;
  readonly attempted: number;
}

export const NO_SITE = 0xffffffff;

/** Bytes of a fresh state. @param lossScale a power of two; 1 for modes without scaling */
export function initialStepState(lossScale: number): ArrayBuffer {
  const bytes = new ArrayBuffer(STEP_STATE_WORDS * 4);
  const f32 = new Float32Array(bytes);
  f32[0] = lossScale;
  f32[1] = 1 / lossScale;
  return bytes;
}

export function readStepState(bytes: ArrayBuffer): StepState {
  const u32 = new Uint32Array(bytes, 0, STEP_STATE_WORDS);
  const f32 = new Float32Array(bytes, 0, STEP_STATE_WORDS);
  const site = u32[7]!;
  return {
    lossScale: f32[0]!,
    growthTracker: u32[2]!,
    applied: u32[4]!,
    skipped: u32[5]!,
    consecutiveSkips: u32[6]!,
    overflowSite: site === NO_SITE ? null : site,
    lossSum: f32[8]!,
    gradNorm: f32[9]!,
    learningRate: f32[11]!,
    scaleUsed: f32[14]!,
    attempted: u32[15]!,
  };
}
