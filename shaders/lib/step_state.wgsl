// step_state: the decisions and counters of training steps. They stay on the GPU, so that no step waits for the CPU.
// shapes:  16 words of 4 bytes; src/engine/kernels/stepState.ts is the TypeScript view
// numerics: the loss scale is a power of two, so its inverse is exact
// dispatch: none (library)
// source:  GradScaler's state (PyTorch) with skip counters

struct StepState {
  lossScale: f32,          // for the next backward pass
  inverseScale: f32,       // 1 / lossScale
  growthTracker: u32,      // clean steps since the scale last changed
  apply: u32,              // 1 if this step updates the weights
  applied: u32,            // steps applied so far: t of Adam, and the index in the schedule
  skipped: u32,            // steps skipped so far
  consecutiveSkips: u32,
  overflowSite: u32,       // first site that overflowed in this step; NO_SITE if none
  lossSum: f32,            // mean loss of the step in nats, summed over micro-batches
  gradNorm: f32,           // global norm of the unscaled gradient
  gradFactor: f32,         // 1 / scale * clip coefficient
  learningRate: f32,
  biasCorrection1: f32,    // 1 / (1 - beta1^t)
  biasCorrection2: f32,    // 1 / sqrt(1 - beta2^t)
  scaleUsed: f32,          // loss scale of this step's backward pass
  attempted: u32,          // steps applied or skipped so far
}

const NO_SITE = 0xffffffffu;
