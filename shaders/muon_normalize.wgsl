// muon_normalize: divides a matrix by its Frobenius norm, in place; on a skipped step it becomes zero, so that what follows computes nothing that is not finite.
// shapes:  update (vectors) of four elements; partials (groups) f32 sums of its squares, at most LANES
// numerics: f32, the sum in a fixed order
// dispatch: one lane per vector, linear grid
// source:  Muon (Jordan et al. 2024), Polar Express (arXiv 2505.16932); reference/muon.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::reduce::workgroupSum;
import package::lib::step_state::StepState;
import constants::LANES;

struct Params {
  vectors: u32,
  groups: u32,
  margin: f32,  // times the norm is the divisor
}

@group(0) @binding(5) var<storage, read> state: StepState;
@group(0) @binding(8) var<storage, read> partials: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

// Added to the norm, so that a gradient of zero gives an update of zero.
const EPSILON = 1e-7;

@compute @workgroup_size(LANES)
fn muon_normalize(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  var part = 0.0;
  if (local < p.groups) {
    part = partials[local];
  }
  let norm = sqrt(workgroupSum(part, local));
  let i = linearGroup(group) * LANES + local;
  if (i >= p.vectors) {
    return;
  }
  let divisor = p.margin * norm + EPSILON;
  let normalized = update::load(i) / divisor;
  update::store(i, select(vec4f(), normalized, state.apply == 1u));
}
