// tensor_states: gives each tensor its own step state, which says whether its update is applied.
// shapes:  states (4 tensors) records of 64 bytes, of which every fourth is used; squares (tensors) f32, -1 where the gradient is not finite; schedule as in step_decide
// numerics: Adam's bias corrections are those of the steps that were applied to the tensor; the learning rate is the run's
// dispatch: one lane per tensor
// source:  the skip of single tensors in arXiv 2304.13013; test/gpu/kernels/tensorStepsCase.ts (oracle)
import package::lib::step_state::StepState;

struct Params {
  tensors: u32,
  scheduleLength: u32,
}

@group(0) @binding(0) var<storage, read> state: StepState;
@group(0) @binding(1) var<storage, read> schedule: array<vec4f>;
@group(0) @binding(2) var<storage, read> squares: array<f32>;
@group(0) @binding(3) var<storage, read_write> states: array<StepState>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn tensor_states(@builtin(global_invocation_id) id: vec3u) {
  let tensor = id.x;
  if (tensor >= p.tensors) {
    return;
  }
  let before = states[4u * tensor];
  var own = state;
  own.apply = select(0u, state.apply, squares[tensor] >= 0.0);
  let row = schedule[min(before.applied, p.scheduleLength - 1u)];
  own.biasCorrection1 = row.y;
  own.biasCorrection2 = row.z;
  own.applied = before.applied + own.apply;
  own.skipped = before.skipped + 1u - own.apply;
  own.consecutiveSkips = select(before.consecutiveSkips + 1u, 0u, own.apply == 1u);
  states[4u * tensor] = own;
}
