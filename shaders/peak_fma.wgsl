// peak_fma: multiply-adds on registers only, to measure what the adapter can do at most.
// shapes:  out (lanes) vec4f, written so that nothing is optimised away
// numerics: values stay finite: they decay towards a fixed point or, `crossed`, grow at most threefold; with `half` the arithmetic is f16
// dispatch: any number of workgroups; 2 * 4 * 6 * 8 * TRIPS operations a lane
// source:  roofline method (Williams et al. 2009); the peak is that of the faster form (gpu/roofline.ts)

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

// Six chains of their own names: a compiler that leaves a small loop a loop, as SwiftShader's does, keeps an array that the
// loop indexes in memory and measures that, at a hundredth of the speed.
struct Chains {
  a: Vector,
  b: Vector,
  c: Vector,
  d: Vector,
  e: Vector,
  f: Vector,
}

// Factor and addend are the same in all lanes: the form with the fewest registers, for processors that have 16.
@if(!crossed)
fn step(s: Chains, factor: Vector, addend: Vector) -> Chains {
  return Chains(
    fma(s.a, factor, addend),
    fma(s.b, factor, addend),
    fma(s.c, factor, addend),
    fma(s.d, factor, addend),
    fma(s.e, factor, addend),
    fma(s.f, factor, addend),
  );
}

// Both factors and the sum differ by lane and lie in four registers each, and the sum is replaced in place: RDNA3 issues two of
// these at once. A factor is another chain, since a product that never changes is computed once where a multiply-add is compiled
// to two instructions.
@if(crossed)
fn step(s: Chains, factor: Vector, addend: Vector) -> Chains {
  let a = fma(factor, s.b, s.a);
  return Chains(
    a,
    fma(factor, s.c, s.b),
    fma(factor, s.d, s.c),
    fma(factor, s.e, s.d),
    fma(factor, s.f, s.e),
    fma(factor, a, s.f),
  );
}

@compute @workgroup_size(64)
fn peak_fma(@builtin(global_invocation_id) id: vec3u) {
  let lane = vec4f(f32(id.x % 64u)) + vec4f(0.0, 0.25, 0.5, 0.75);
  @if(!crossed) let factor = Vector(vec4f(p.factor));
  // Between 1 and 2 times 2^-13: 4,096 steps multiply a chain by e at most.
  @if(crossed) let factor = Vector(p.addend * (1.0 + lane / 64.0));
  let addend = Vector(vec4f(p.addend));
  let start = Vector(lane);
  let one = Vector(vec4f(1));
  var s = Chains(start, start + one, start + 2 * one, start + 3 * one, start + 4 * one, start + 5 * one);
  for (var trip = 0u; trip < TRIPS; trip++) {
    s = step(s, factor, addend);
    s = step(s, factor, addend);
    s = step(s, factor, addend);
    s = step(s, factor, addend);
    s = step(s, factor, addend);
    s = step(s, factor, addend);
    s = step(s, factor, addend);
    s = step(s, factor, addend);
  }
  out[id.x] = vec4f(s.a + s.b + s.c + s.d + s.e + s.f);
}
