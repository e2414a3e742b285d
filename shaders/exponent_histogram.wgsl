// exponent_histogram: counts the binary exponents of the stored values of a tensor in one row of the histogram.
// shapes:  inp (vectors) of four elements; histogram (256) counts, see lib/exponents.wgsl
// numerics: no rounding; narrow values are decoded exactly, and scaled ones are divided by their scale, a power of two
// dispatch: any number of workgroups, each over a stride of vectors; they count in workgroup memory first
// source:  reference/exponents.ts (oracle)
import package::lib::exponents::{exponentBins, histogram};
@if(scaled) import package::lib::tensor_scale::TensorScale;

struct Params {
  vectors: u32,
  @if(scaled) record: u32,
}

@if(scaled) @group(0) @binding(1) var<storage, read> scales: array<TensorScale>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 256u;

var<workgroup> counts: array<atomic<u32>, WIDTH>;

@compute @workgroup_size(WIDTH)
fn exponent_histogram(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var i = group.x * WIDTH + local; i < p.vectors; i += groups.x * WIDTH) {
    @if(!scaled) let value = inp::load(i);
    @if(scaled) let value = inp::load(i) * scales[p.record].inverse;
    let bins = exponentBins(value);
    atomicAdd(&counts[bins.x], 1u);
    atomicAdd(&counts[bins.y], 1u);
    atomicAdd(&counts[bins.z], 1u);
    atomicAdd(&counts[bins.w], 1u);
  }
  workgroupBarrier();
  let count = atomicLoad(&counts[local]);
  if (count > 0u) {
    atomicAdd(&histogram[local], count);
  }
}
