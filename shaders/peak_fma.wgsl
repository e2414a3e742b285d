// peak_fma: multiply-adds on registers only, to measure what the adapter can do at most.
// shapes:  out (lanes) vec4f, written so that nothing is optimised away
// numerics: values decay towards a fixed point and stay finite; with `half` the arithmetic is f16
// dispatch: any number of workgroups; 2 * 4 * 6 * 8 * TRIPS operations a lane
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

const TRIPS = 512u;

// Six chains of their own names, and the eight steps of a trip written out: a compiler that leaves a small loop a loop, as
// SwiftShader's does, keeps an array that the loop indexes in memory and measures that, at a hundredth of the speed.
@compute @workgroup_size(64)
fn peak_fma(@builtin(global_invocation_id) id: vec3u) {
  let factor = Vector(vec4f(p.factor));
  let addend = Vector(vec4f(p.addend));
  var a = Vector(vec4f(f32(id.x % 64u)));
  var b = a + Vector(vec4f(1));
  var c = a + Vector(vec4f(2));
  var d = a + Vector(vec4f(3));
  var e = a + Vector(vec4f(4));
  var f = a + Vector(vec4f(5));
  for (var trip = 0u; trip < TRIPS; trip++) {
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
  }
  out[id.x] = vec4f(a + b + c + d + e + f);
}
