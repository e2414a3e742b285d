// quantize: stores a tensor in a narrow format, multiplied by its tensor scale; with `smoothed`, also by the scales of rows or columns that out has already.
// shapes:  inp, out (vectors) of four elements; amax, scales (records)
// numerics: with `power` the product is exact unless it leaves the range of f32; it is then rounded once to the format of out, saturating
// dispatch: one lane per vector, linear grid; with `current` the scale is computed from inp's amax, otherwise it is read from scales and inp's amax is collected
// source:  current and delayed scaling of TransformerEngine; reference/tensorScale.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::round::magnitudeBits;
import package::lib::scale_kinds::inverseFor;
import package::lib::tensor_scale::{isUsable, powerOfTwo, scaleExponent, TensorScale};

struct Params {
  vectors: u32,
  record: u32,
}

@if(current) @group(0) @binding(2) var<storage, read> amax: array<u32>;
@if(!current) @group(0) @binding(2) var<storage, read_write> amax: array<atomic<u32>>;
@if(current) @group(0) @binding(3) var<storage, read_write> scales: array<TensorScale>;
@if(!current) @group(0) @binding(3) var<storage, read> scales: array<TensorScale>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 256u;

@if(!current) var<workgroup> largest: atomic<u32>;

// Every lane computes the same scale. The lane of vector 0 stores it for the kernels that read the tensor.
@if(current)
fn scaleOf(i: u32) -> f32 {
  let seen = amax[p.record];
  @if(power) let exponent = select(0, scaleExponent(seen, scales[p.record].largest, 0u), isUsable(seen));
  @if(power) let scale = powerOfTwo(exponent);
  @if(power) let inverse = powerOfTwo(-exponent);
  @if(!power) let inverse = inverseFor(seen, scales[p.record].largest);
  @if(!power) let scale = 1.0 / inverse;
  if (i == 0u) {
    scales[p.record].scale = scale;
    scales[p.record].inverse = inverse;
  }
  return scale;
}

@if(!current)
fn scaleOf(i: u32) -> f32 {
  return scales[p.record].scale;
}

@compute @workgroup_size(WIDTH)
fn quantize(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * WIDTH + local;
  let scale = scaleOf(i);
  if (i < p.vectors) {
    @if(!smoothed) let value = inp::load(i);
    @if(!smoothed) out::store(i, value * scale);
    @if(smoothed) let value = inp::load(i) * out::scale(i);
    @if(smoothed) out::storeCodes(i, out::encode(value * scale));
    @if(!current) {
      let magnitude = magnitudeBits(value);
      atomicMax(&largest, max(max(magnitude.x, magnitude.y), max(magnitude.z, magnitude.w)));
    }
  }
  @if(!current) {
    workgroupBarrier();
    if (local == 0u) {
      atomicMax(&amax[p.record], atomicLoad(&largest));
    }
  }
}
