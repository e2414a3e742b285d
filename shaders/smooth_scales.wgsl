// smooth_scales: the scales of Smooth-SwiGLU: for each token or channel, the inverse of a power of two above the largest magnitude of what the gate multiplies.
// shapes:  preActivation (rows, 2 I): gate, then up; out (rows, I), of which the scales of rows or columns are stored and nothing else
// numerics: powers of two of at least 2^-126, found from exponents; 1 where up is zero or not finite
// dispatch: `perToken`: one workgroup per four rows, linear grid; else one lane per four channels, which reads all rows
// source:  arXiv 2409.12517 (channels) and its authors' code (tokens); reference/smooth.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::round::magnitudeBits;
@if(scaled) import package::lib::tensor_scale::TensorScale;

struct Params {
  rows: u32,
  n4: u32,       // I / 4
  @if(scaled) record: u32,
}

@if(scaled) @group(0) @binding(2) var<storage, read> scales: array<TensorScale>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;

@if(perToken) var<workgroup> largest: array<atomic<u32>, 4>;

// Magnitudes of four channels of `up`; those of rows beyond the last are zero.
fn magnitudes(row: u32, column4: u32) -> vec4u {
  if (row >= p.rows) {
    return vec4u();
  }
  let up = preActivation::load((2u * row + 1u) * p.n4 + column4);
  @if(!scaled) return magnitudeBits(up);
  @if(scaled) return magnitudeBits(up * scales[p.record].inverse);
}

// What values are multiplied by when they are read: a power of two of at least the magnitude.
fn powersAbove(bits: vec4u) -> vec4f {
  let exponents = (bits >> vec4u(23u)) + select(vec4u(), vec4u(1u), (bits & vec4u(0x7fffffu)) != vec4u());
  let usable = (bits > vec4u()) & (bits < vec4u(0x7f800000u));
  return bitcast<vec4f>(select(vec4u(127u), clamp(exponents, vec4u(1u), vec4u(253u)), usable) << vec4u(23u));
}

@if(perToken)
fn storeOfTokens(quad: u32, local: u32) {
  for (var n = 0u; n < 4u; n++) {
    var most = 0u;
    for (var c = local; c < p.n4; c += WIDTH) {
      let bits = magnitudes(4u * quad + n, c);
      most = max(most, max(max(bits.x, bits.y), max(bits.z, bits.w)));
    }
    atomicMax(&largest[n], most);
  }
  workgroupBarrier();
  if (local == 0u && 4u * quad < p.rows) {
    let bits = vec4u(atomicLoad(&largest[0]), atomicLoad(&largest[1]), atomicLoad(&largest[2]), atomicLoad(&largest[3]));
    out::storeInverses(quad, powersAbove(bits));
  }
}

@if(!perToken)
fn storeOfChannels(column4: u32) {
  if (column4 >= p.n4) {
    return;
  }
  var most = vec4u();
  for (var row = 0u; row < p.rows; row++) {
    most = max(most, magnitudes(row, column4));
  }
  out::storeInverses(column4, powersAbove(most));
}

@compute @workgroup_size(WIDTH)
fn smooth_scales(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  @if(perToken) storeOfTokens(linearGroup(group), local);
  @if(!perToken) storeOfChannels(linearGroup(group) * WIDTH + local);
}
