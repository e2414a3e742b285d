// adamw_prepare: computes the update factor and the moment scales of a parameter from its partial results.
// shapes:  partials (count) as written by adamw_statistics; one ParameterState
// numerics: f32 sum in a fixed order; each scale keeps the largest moment within its format: the largest power of two, or the largest f32
// dispatch: one workgroup
// source:  StableAdamW (arXiv 2304.13013) with d = 1, FP8-LM (arXiv 2310.18313); reference/adamw.ts (oracle)
import package::lib::parameter_state::ParameterState;
import package::lib::statistics::{joinStatistics, workgroupStatistics, STATISTICS_WIDTH};
import package::lib::step_state::StepState;

struct Params {
  parameter: u32,
  partial: u32,      // index in partials at which the parameter begins
  count: u32,
  clipUpdate: u32,   // 1 for StableAdamW
  inverseSize: f32,  // 1 / number of learned values
  limitM: f32,       // largest finite value of the format of m; 0 without scales
  limitV: f32,
  powers: u32,       // 1 where scales are powers of two
}

@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(0) @binding(5) var<storage, read> state: StepState;
@group(0) @binding(7) var<storage, read_write> parameterStates: array<ParameterState>;
@group(1) @binding(0) var<uniform> p: Params;

// Smaller moments are treated as this value, so that the scale stays within f32.
const LEAST = 0x1p-110f;

@compute @workgroup_size(STATISTICS_WIDTH)
fn adamw_prepare(@builtin(local_invocation_index) local: u32) {
  if (state.apply == 0u) {
    return;
  }
  var part = vec4f();
  for (var i = local; i < p.count; i += STATISTICS_WIDTH) {
    part = joinStatistics(part, partials[p.partial + i]);
  }
  let all = workgroupStatistics(part, local);
  if (local != 0u) {
    return;
  }
  let rms = sqrt(all.x * p.inverseSize);
  let clipped = select(1.0, 1.0 / max(1.0, rms), p.clipUpdate == 1u);
  let room = vec2f(p.limitM, p.limitV) / max(all.yz, vec2f(LEAST));
  let scales = select(room, bitcast<vec2f>(bitcast<vec2u>(room) & vec2u(0x7f800000u)), p.powers == 1u);
  let before = parameterStates[p.parameter].scales;
  parameterStates[p.parameter] = ParameterState(clipped, rms, scales, before);
}
