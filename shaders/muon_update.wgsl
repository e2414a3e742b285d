// muon_update: moves the weights of one matrix along its orthogonalised update; it changes nothing on a skipped step.
// shapes:  update (rows, columns4) vectors of four elements; those of lib/master (rows, stride4), of which the matrix is `columns4` in each row from `column4` on
// numerics: f32 between load and store
// dispatch: one lane per vector, linear grid
// source:  Muon (Jordan et al. 2024); reference/muon.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::master::updateMaster;
import package::lib::step_state::StepState;

struct Params {
  vectors: u32,        // rows * columns4
  columns4: u32,
  stride4: u32,
  column4: u32,
  scale: f32,          // of the update, besides the learning rate
  rateFactor: f32,
  weightDecay: f32,
  seed: u32,           // of the chunk, for stochastic rounding
  first: u32,          // vector of the chunk at which the parameter begins
}

@group(0) @binding(5) var<storage, read> state: StepState;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn muon_update(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors || state.apply == 0u) {
    return;
  }
  let at = i / p.columns4 * p.stride4 + p.column4 + i % p.columns4;
  let rate = state.learningRate * p.rateFactor;
  updateMaster(at, p.first + at, p.weightDecay * rate, rate * p.scale * update::load(i), state.applied, p.seed);
}
