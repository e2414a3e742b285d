// master: the weights as AdamW keeps them.
// shapes:  master, low, compute (vectors) of four elements
// numerics: rounded as the format says or stochastically; or split, where low holds what the format drops
// dispatch: none (library)
// source:  master weights of mixed precision (Micikevicius 2017); reference/adamw.ts (oracle)
@if(splitMaster) import package::lib::round::{packHalves, unpackHalves};
@if(splitMaster) import package::lib::split::{Halves, joinHalves, splitHalves};
import master_format::{Elem4 as ElemMaster};
@if(!splitMaster) import master_format::{decode as decodeMaster};
@if(!splitMaster && !stochasticMaster) import master_format::{encode as encodeMaster};
@if(stochasticMaster) import master_format::{encodeStochastic as encodeMasterStochastic};
@if(computeCopy) import compute_format::{Elem4 as ElemCompute, encode as encodeCompute};

@group(0) @binding(1) var<storage, read_write> master: array<ElemMaster>;
@if(computeCopy) @group(0) @binding(4) var<storage, read_write> compute: array<ElemCompute>;
@if(splitMaster) @group(0) @binding(4) var<storage, read_write> low: array<vec2u>;

fn loadMaster(i: u32) -> vec4f {
  @if(splitMaster) {
    return joinHalves(Halves(unpackHalves(master[i]), unpackHalves(low[i])));
  }
  @if(!splitMaster) {
    return decodeMaster(master[i]);
  }
}

// Random bits are read where the master is rounded stochastically.
fn storeMaster(i: u32, value: vec4f, random: vec4u) {
  @if(splitMaster) {
    let halves = splitHalves(value);
    master[i] = packHalves(halves.high);
    low[i] = packHalves(halves.low);
  }
  @if(stochasticMaster) {
    master[i] = encodeMasterStochastic(value, random);
  }
  @if(!splitMaster && !stochasticMaster) {
    let stored = encodeMaster(value);
    master[i] = stored;
    @if(computeCopy) {
      compute[i] = encodeCompute(decodeMaster(stored));
    }
  }
}
