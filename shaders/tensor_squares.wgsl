// tensor_squares: adds up the partial sums of squares of one tensor's gradient.
// shapes:  partials of gradient_norm; squares (tensors) f32
// numerics: f32 in a fixed order; -1 where a partial sum is marked by its sign, or the sum is not finite
// dispatch: one workgroup
// source:  the skip of single tensors in arXiv 2304.13013; test/gpu/kernels/tensorStepsCase.ts (oracle)

struct Params {
  first: u32,   // index of the tensor's first partial sum
  count: u32,
  tensor: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> squares: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;

var<workgroup> part: array<f32, WIDTH>;
var<workgroup> marked: atomic<u32>;

@compute @workgroup_size(WIDTH)
fn tensor_squares(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var i = local; i < p.count; i += WIDTH) {
    let bits = bitcast<u32>(partials[p.first + i]);
    if (bits >= 0x7f800000u) {
      atomicOr(&marked, 1u);
    }
    sum += select(bitcast<f32>(bits), 0.0, bits >= 0x7f800000u);
  }
  part[local] = sum;
  workgroupBarrier();
  for (var span = WIDTH / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      part[local] += part[local + span];
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    let isBad = atomicLoad(&marked) == 1u || bitcast<u32>(part[0]) >= 0x7f800000u;
    squares[p.tensor] = select(part[0], -1.0, isBad);
  }
}
