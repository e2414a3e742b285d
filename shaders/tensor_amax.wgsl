// tensor_amax: updates a tensor's entry in amax with its largest magnitude.
// shapes:  inp (vectors) of four elements; amax (records); with `smoothed`, out, whose scales of rows or columns values are multiplied by
// numerics: magnitudes are compared by their bits, so that infinity exceeds all numbers and NaN exceeds infinity
// dispatch: any number of workgroups, each over a stride of vectors; integer atomics, so that the order does not matter
// source:  per-tensor scaling of TransformerEngine; reference/tensorScale.ts (oracle)
import package::lib::round::magnitudeBits;

struct Params {
  vectors: u32,
  record: u32,
}

@group(0) @binding(1) var<storage, read_write> amax: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 256u;

var<workgroup> largest: atomic<u32>;

@compute @workgroup_size(WIDTH)
fn tensor_amax(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  var magnitude = vec4u();
  for (var i = group.x * WIDTH + local; i < p.vectors; i += groups.x * WIDTH) {
    @if(!smoothed) let value = inp::load(i);
    @if(smoothed) let value = inp::load(i) * out::scale(i);
    magnitude = max(magnitude, magnitudeBits(value));
  }
  atomicMax(&largest, max(max(magnitude.x, magnitude.y), max(magnitude.z, magnitude.w)));
  workgroupBarrier();
  if (local == 0u) {
    atomicMax(&amax[p.record], atomicLoad(&largest));
  }
}
