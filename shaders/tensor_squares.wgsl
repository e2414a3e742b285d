// tensor_squares: adds up the partial sums of squares of one tensor's gradient.
// shapes:  partials of gradient_norm; squares (tensors) f32
// numerics: f32 in a fixed order; -1 where a partial sum is marked by its sign, or the sum is not finite
// dispatch: one workgroup
// source:  the skip of single tensors in arXiv 2304.13013; test/gpu/kernels/tensorStepsCase.ts (oracle)
import constants::LANES;
import package::lib::reduce::workgroupSum;

struct Params {
  first: u32,   // index of the tensor's first partial sum
  count: u32,
  tensor: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> squares: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

var<workgroup> marked: atomic<u32>;

@compute @workgroup_size(LANES)
fn tensor_squares(@builtin(local_invocation_index) local: u32) {
  var own = 0.0;
  for (var i = local; i < p.count; i += LANES) {
    let bits = bitcast<u32>(partials[p.first + i]);
    if (bits >= 0x7f800000u) {
      atomicOr(&marked, 1u);
    }
    own += select(bitcast<f32>(bits), 0.0, bits >= 0x7f800000u);
  }
  let sum = workgroupSum(own, local);
  if (local == 0u) {
    let isBad = atomicLoad(&marked) == 1u || bitcast<u32>(sum) >= 0x7f800000u;
    squares[p.tensor] = select(sum, -1.0, isBad);
  }
}
