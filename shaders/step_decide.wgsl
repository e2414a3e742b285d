// step_decide: decides whether the step is applied or skipped, and computes clip coefficient, learning rate and the next loss scale.
// shapes:  partials (count) f32 sums of squares, of one tensor each with `perTensor`, -1 where it is not finite; schedule (steps) as (lr, 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t), 0); momentsFull a flag
// numerics: with `zeroMask` an overflow is ignored; scale, growth and backoff are powers of two; the inverse is computed from the exponent, so it is exact
// dispatch: one workgroup
// source:  GradScaler.update and clip_grad_norm_ (PyTorch); reference/scaler.ts (oracle)
import package::lib::found::found;
import package::lib::step_state::{NO_SITE, StepState};

struct Params {
  partials: u32,
  scheduleLength: u32,
  dynamicScale: u32,    // 1 when the loss scale grows and backs off
  growthInterval: u32,
  clip: f32,            // 0 turns clipping off
  floor: f32,
  ceiling: f32,         // limits growth only
  site: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> schedule: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> state: StepState;
@if(compoundScaling) @group(0) @binding(3) var<storage, read_write> momentsFull: atomic<u32>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 256u;

var<workgroup> part: array<f32, WIDTH>;
@if(perTensor) var<workgroup> bad: atomic<u32>;

fn isNonFinite(bits: u32) -> bool {
  return (bits & 0x7f800000u) == 0x7f800000u;
}

// 1 / scale for a power of two between 2^-126 and 2^126.
fn inversePowerOfTwo(scale: f32) -> f32 {
  return bitcast<f32>((254u - (bitcast<u32>(scale) >> 23u)) << 23u);
}

@compute @workgroup_size(WIDTH)
fn step_decide(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var i = local; i < p.partials; i += WIDTH) {
    @if(!perTensor) {
      sum += partials[i];
    }
    @if(perTensor) {
      let isBad = partials[i] < 0.0;
      sum += select(partials[i], 0.0, isBad);
      atomicAdd(&bad, select(0u, 1u, isBad));
    }
  }
  part[local] = sum;
  workgroupBarrier();
  for (var span = WIDTH / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      part[local] += part[local + span];
    }
    workgroupBarrier();
  }
  if (local != 0u) {
    return;
  }
  let squares = part[0];
  var site = atomicLoad(&found);
  @if(perTensor) {
    // Tensors with a finite gradient are updated, whatever overflowed before it.
    let isWhole = atomicLoad(&bad) == p.partials;
    site = select(NO_SITE, min(site, p.site), isWhole);
  }
  @if(zeroMask) {
    // Gradients that overflowed are zero by then.
    site = NO_SITE;
  }
  if (site == NO_SITE && isNonFinite(bitcast<u32>(squares))) {
    site = p.site;
  }
  // Resets the flag for the next step.
  atomicStore(&found, NO_SITE);

  let row = schedule[min(state.applied, p.scheduleLength - 1u)];
  state.learningRate = row.x;
  state.biasCorrection1 = row.y;
  state.biasCorrection2 = row.z;
  state.scaleUsed = state.lossScale;
  state.overflowSite = site;
  state.attempted += 1u;
  if (site != NO_SITE) {
    state.apply = 0u;
    state.skipped += 1u;
    state.consecutiveSkips += 1u;
    state.growthTracker = 0u;
    if (p.dynamicScale == 1u) {
      state.lossScale = max(state.lossScale * 0.5, min(p.floor, state.lossScale));
    }
  } else {
    let norm = sqrt(squares);
    state.gradNorm = norm;
    var coefficient = 1.0;
    if (p.clip > 0.0) {
      coefficient = min(1.0, p.clip / (norm + 1e-6));
    }
    state.gradFactor = state.inverseScale * coefficient;
    var hasRoom = true;
    @if(compoundScaling) {
      // Moments are in units of the loss scale, as gradients are.
      state.gradFactor = coefficient;
      hasRoom = atomicLoad(&momentsFull) == 0u;
    }
    state.apply = 1u;
    state.applied += 1u;
    state.consecutiveSkips = 0u;
    var grows = p.dynamicScale == 1u;
    @if(perTensor) {
      if (atomicLoad(&bad) > 0u) {
        grows = false;
        state.growthTracker = 0u;
        if (p.dynamicScale == 1u) {
          state.lossScale = max(state.lossScale * 0.5, min(p.floor, state.lossScale));
        }
      }
    }
    if (grows) {
      state.growthTracker += 1u;
      if (state.growthTracker >= p.growthInterval) {
        state.growthTracker = 0u;
        if (hasRoom && state.lossScale < p.ceiling) {
          state.lossScale *= 2.0;
        }
      }
    }
  }
  @if(compoundScaling) {
    atomicStore(&momentsFull, 0u);
  }
  state.inverseScale = inversePowerOfTwo(state.lossScale);
}
