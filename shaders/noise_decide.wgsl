// noise_decide: gives each block the smallest level whose noise is below a threshold, one level at a time.
// shapes:  levels: for each of B blocks the levels of its roles (B, 3), those one stage below (B, 3), its stage, that of the step itself, and its noise when that was last decided (f32, stored as bits); then the levels of each stage (stages, 3). noise as in lib/level_noise: (B, groups) of activations, then (B, weightGroups) of weights
// numerics: f32; the noise of a block is the mean of its activations and that of its weights, added
// dispatch: one workgroup, a lane for each block, after step_decide
// source:  own, after the dynamic part of FracTrain (arXiv 2012.13113), which has a trained gate; reference/noiseLevels.ts (oracle)
import package::lib::step_state::StepState;

struct Params {
  window: u32,        // steps between decisions, each from the step at its end
  blocks: u32,
  stages: u32,
  groups: u32,
  weightGroups: u32,
  threshold: f32,     // above it a block goes up
  lower: f32,         // below it, at the stage below, a block goes down
}

@group(0) @binding(0) var<storage, read> state: StepState;
@group(0) @binding(1) var<storage, read> noise: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> levels: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;

// The mean at the own level and at the one below, and how many were measured.
fn meanNoise(first: u32, count: u32) -> vec3f {
  var sum = vec3f();
  for (var i = 0u; i < count; i++) {
    sum += noise[first + i].xyz;
  }
  return vec3f(sum.xy / max(sum.z, 1.0), sum.z);
}

fn decided(stage: u32, block: u32) -> u32 {
  let activations = meanNoise(block * p.groups, p.groups);
  let weights = meanNoise(p.blocks * p.groups + block * p.weightGroups, p.weightGroups);
  if (activations.z == 0.0 || weights.z == 0.0) {
    return stage;
  }
  let measured = activations.xy + weights.xy;
  levels[8u * p.blocks + block] = bitcast<u32>(measured.x);
  if (measured.x > p.threshold) {
    return min(stage + 1u, p.stages - 1u);
  }
  return select(stage, stage - 1u, stage > 0u && measured.y < p.lower);
}

@compute @workgroup_size(WIDTH)
fn noise_decide(@builtin(local_invocation_index) local: u32) {
  let below = 3u * p.blocks;
  let stages = 6u * p.blocks;
  let used = 7u * p.blocks;
  let table = 9u * p.blocks;
  for (var block = local; block < p.blocks; block += WIDTH) {
    let stage = levels[stages + block];
    levels[used + block] = stage;
    if (state.attempted % p.window == 0u) {
      let next = decided(stage, block);
      levels[stages + block] = next;
      for (var role = 0u; role < 3u; role++) {
        levels[3u * block + role] = levels[table + 3u * next + role];
        levels[below + 3u * block + role] = levels[table + 3u * (max(next, 1u) - 1u) + role];
      }
    }
  }
}
