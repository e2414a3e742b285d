// quantize_levels: rounds a tensor to the levels of its role, with one range for all of it, and stores f32.
// shapes:  inp, out (vectors) of four elements; partials (groups) as (smallest, largest); levels as in stage_decide or noise_decide
// numerics: see lib/levels; with `noisy` integers round at random, so that their mean is the value, by bits that follow from the place, the tensor's seed and the number of applied steps
// dispatch: `groups` workgroups, each over every groups-th LANES vectors
// source:  modules/quantize.py of FracTrain (arXiv 2012.13113, algorithm); reference/levels.ts (oracle)
import constants::LANES;
import package::lib::levels::roundToLevels;
@if(measured) import package::lib::level_noise::{addNoise, errorsOf};
@if(noisy) import package::lib::random::{randomBits, randomVector};
@if(noisy) import package::lib::step_state::StepState;

struct Params {
  vectors: u32,
  groups: u32,
  level: u32,  // word of the table of levels
  @if(measured) below: u32, // word of the level below
  @if(measured) place: u32, // of the noise of the first workgroup
  @if(noisy) seed: u32,
}

@group(0) @binding(2) var<storage, read> partials: array<vec2f>;
@group(0) @binding(3) var<storage, read> levels: array<u32>;
@if(noisy) @group(0) @binding(4) var<storage, read> state: StepState;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn quantize_levels(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  var range = partials[0];
  for (var i = 1u; i < p.groups; i++) {
    range = vec2f(min(range.x, partials[i].x), max(range.y, partials[i].y));
  }
  let level = levels[p.level];
  var noise = vec4f();
  @if(measured) var errors = vec3f();
  for (var i = group.x * LANES + local; i < p.vectors; i += p.groups * LANES) {
    @if(noisy) {
      let random = randomVector(i, randomBits(state.applied, p.seed));
      noise = vec4f(random >> vec4u(8u)) * 0x1p-24f - vec4f(0.5);
    }
    let value = inp::load(i);
    let rounded = roundToLevels(value, vec4f(range.x), vec4f(range.y), level, noise);
    out::store(i, rounded);
    @if(measured) {
      let below = roundToLevels(value, vec4f(range.x), vec4f(range.y), levels[p.below], noise);
      errors += errorsOf(value, rounded, below);
    }
  }
  @if(measured) addNoise(p.place + group.x, local, errors);
}
