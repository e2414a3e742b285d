// quantization_noise: measures the error of a tensor in a narrow format with respect to the tensor from which it was made.
// shapes:  inp, out (vectors) of four elements; parts (32): one for each workgroup, and the last holds inp's amax
// numerics: values are multiplied by a power of two that brings amax near 1, so that no f32 square overflows; non-finite values are only counted
// dispatch: 31 workgroups, each over a stride of vectors; sums in a fixed order; the CPU adds the parts
// source:  signal-to-quantization-noise ratio; reference/quantizationNoise.ts (oracle)
import package::lib::round::{magnitudeBits, INFINITY_BITS};
import package::lib::tensor_scale::powerOfTwo;
@if(scaled) import package::lib::tensor_scale::TensorScale;

struct Params {
  vectors: u32,
  overflow: u32,     // f32 bits of the smallest scaled magnitude that rounds beyond the format
  @if(scaled) record: u32,
}

struct Part {
  signal: f32,
  noise: f32,
  amax: u32,
  saturated: u32,
  underflow: u32,
  nonZero: u32,
  nonFinite: u32,
  fourth: f32,
}

@group(0) @binding(2) var<storage, read_write> parts: array<Part, 32>;
@if(scaled) @group(0) @binding(3) var<storage, read> scales: array<TensorScale>;
@if(scaled) @group(0) @binding(4) var<storage, read> amax: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 256u;
const LAST = 31u;

var<workgroup> sums: array<vec3f, WIDTH>;
var<workgroup> counts: array<vec4u, WIDTH>;
var<workgroup> largest: atomic<u32>;

fn ones(v: vec4<bool>) -> u32 {
  let each = vec4u(v);
  return each.x + each.y + each.z + each.w;
}

fn total(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(WIDTH)
fn quantization_noise(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  @if(scaled) let seen = amax[p.record];
  @if(!scaled) let seen = parts[LAST].amax;
  let toOne = powerOfTwo(clamp(127 - i32(seen >> 23u), -126, 126));
  var signal = vec4f();
  var noise = vec4f();
  var fourth = vec4f();
  var magnitude = vec4u();
  var count = vec4u();
  for (var i = group.x * WIDTH + local; i < p.vectors; i += groups.x * WIDTH) {
    let value = inp::load(i);
    let bits = magnitudeBits(value);
    @if(scaled) let scaled = value * (scales[p.record].scale * out::scale(i));
    @if(!scaled) let scaled = value * out::scale(i);
    @if(scaled) let stored = out::load(i) * scales[p.record].inverse;
    @if(!scaled) let stored = out::load(i);
    let storedBits = magnitudeBits(stored);
    let finite = (bits < INFINITY_BITS) & (storedBits < INFINITY_BITS);
    let x = select(vec4f(), value * toOne, finite);
    let error = select(vec4f(), x - stored * toOne, finite);
    let square = x * x;
    signal += square;
    fourth += square * square;
    noise += error * error;
    magnitude = max(magnitude, bits);
    let zero = bits == vec4u();
    count += vec4u(
      ones(magnitudeBits(scaled) >= vec4u(p.overflow)),
      ones(!zero & (storedBits == vec4u())),
      ones(!zero),
      ones(!finite),
    );
  }
  sums[local] = vec3f(total(signal), total(noise), total(fourth));
  counts[local] = count;
  atomicMax(&largest, max(max(magnitude.x, magnitude.y), max(magnitude.z, magnitude.w)));
  workgroupBarrier();
  for (var span = WIDTH / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      sums[local] += sums[local + span];
      counts[local] += counts[local + span];
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    let sum = sums[0];
    let counted = counts[0];
    parts[group.x] = Part(sum.x, sum.y, atomicLoad(&largest), counted.x, counted.y, counted.z, counted.w, sum.z);
  }
}
