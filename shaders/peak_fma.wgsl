// peak_fma: multiply-adds on registers only, to measure what the adapter can do at most.
// shapes:  out (lanes) vec4f, written so that nothing is optimised away
// numerics: values decay towards a fixed point and stay finite; with `half` the arithmetic is f16
// dispatch: any number of workgroups; 2 * 4 * CHAINS * UNROLL * TRIPS operations a lane
// source:  roofline method (Williams et al. 2009), research kernels 7

@if(half) enable f16;

@if(half) alias Vector = vec4h;
@if(!half) alias Vector = vec4f;

struct Params {
  factor: f32,
  addend: f32,
}

@group(0) @binding(0) var<storage, read_write> out: array<vec4f>;
@group(1) @binding(0) var<uniform> p: Params;

const CHAINS = 6u;
const UNROLL = 8u;
const TRIPS = 512u;

@compute @workgroup_size(64)
fn peak_fma(@builtin(global_invocation_id) id: vec3u) {
  var chain: array<Vector, CHAINS>;
  for (var c = 0u; c < CHAINS; c++) {
    chain[c] = Vector(vec4f(f32(id.x % 64u + c)));
  }
  let factor = Vector(vec4f(p.factor));
  let addend = Vector(vec4f(p.addend));
  for (var trip = 0u; trip < TRIPS; trip++) {
    for (var step = 0u; step < UNROLL; step++) {
      for (var c = 0u; c < CHAINS; c++) {
        chain[c] = fma(chain[c], factor, addend);
      }
    }
  }
  var sum = Vector();
  for (var c = 0u; c < CHAINS; c++) {
    sum += chain[c];
  }
  out[id.x] = vec4f(sum);
}
