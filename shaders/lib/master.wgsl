// master: loads and stores the master weights.
// shapes:  master, low, compensation, compute (vectors) of four elements
// numerics: rounded to the format, or stochastically; or split, where low holds the bits that the format drops; or compensated (Kahan); or the nearest f32 of a fixed-point weight
// dispatch: none (library)
// source:  master weights of mixed precision (Micikevicius 2017); Kahan 1965, as in arXiv 2102.13565; reference/update.ts (oracle)
@if(fixedMaster) import package::lib::fixed_master::addToFixedMaster;
@if(stochasticMaster) import package::lib::random::{randomBits, randomVector};
@if(splitMaster) import package::lib::round::{packHalves, unpackHalves};
@if(splitMaster) import package::lib::split::{Halves, joinHalves, splitHalves};

@if(splitMaster) @group(0) @binding(4) var<storage, read_write> low: array<vec2u>;

@if(!compensatedMaster)
fn loadMaster(i: u32) -> vec4f {
  @if(splitMaster) {
    return joinHalves(Halves(unpackHalves(master::codes(i)), unpackHalves(low[i])));
  }
  @if(!splitMaster) {
    return master::load(i);
  }
}

// Takes away `decay` times the weights, and `step`. Stochastic rounding follows from the vector's place in its chunk, the chunk's
// seed and the number of applied steps.
@if(!compensatedMaster && !fixedMaster)
fn updateMaster(i: u32, vector: u32, decay: f32, step: vec4f, applied: u32, seed: u32) {
  let old = loadMaster(i);
  var random = vec4u();
  @if(stochasticMaster) {
    random = randomVector(vector, randomBits(applied, seed));
  }
  storeMaster(i, old - decay * old - step, random);
}

// Kahan summation: what rounding added to the weights is taken away from the next update. Formats round in integers, so that no
// compiler can cancel the difference.
@if(compensatedMaster)
fn updateMaster(i: u32, vector: u32, decay: f32, step: vec4f, applied: u32, seed: u32) {
  let old = master::load(i);
  let change = -(decay * old + step) - compensation::load(i);
  let stored = master::store(i, old + change);
  compensation::store(i, (stored - old) - change);
}

// The f32 weights follow the fixed-point ones, in which no update is lost.
@if(fixedMaster)
fn updateMaster(i: u32, vector: u32, decay: f32, step: vec4f, applied: u32, seed: u32) {
  let old = master::load(i);
  storeMaster(i, addToFixedMaster(vector, -(decay * old + step)), vec4u());
}

// `random` is used only if the master is rounded stochastically.
@if(!compensatedMaster)
fn storeMaster(i: u32, value: vec4f, random: vec4u) {
  @if(splitMaster) {
    let halves = splitHalves(value);
    master::storeCodes(i, packHalves(halves.high));
    low[i] = packHalves(halves.low);
  }
  @if(stochasticMaster) {
    master::storeCodes(i, master::encodeStochastic(value, random));
  }
  @if(!splitMaster && !stochasticMaster) {
    let stored = master::store(i, value);
    @if(computeCopy) {
      compute::store(i, stored);
    }
  }
}
