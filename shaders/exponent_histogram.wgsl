// exponent_histogram: adds the binary exponents of a tensor as stored to one row of the histogram.
// shapes:  inp (vectors) of four elements; histogram (256) counts, see lib/exponents.wgsl
// numerics: bits are counted as stored; a decoded half has the exponent of its value, and a scaled one that of what it stands for
// dispatch: any number of workgroups, each a stride of vectors; counts meet in shared memory before they are added
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
