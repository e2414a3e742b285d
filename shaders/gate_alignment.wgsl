// gate_alignment: how far both branches of a gated MLP point the same way: cosines between the columns of gate and up in its first matrix.
// shapes:  inp (C, 2 I): gate, then up; tally (4): f32 bits of the largest |cos|, sum of |cos| in units of 2^-14, channels with 0.9 or more, 0
// numerics: f32 sums over C; each |cos| is rounded to 2^-14 before it is added, so that the order does not matter; columns of zeros count as 0
// dispatch: one lane per four channels, which reads all rows
// source:  alignment of SwiGLU's weights (arXiv 2409.12517); reference/alignment.ts (oracle)

struct Params {
  rows: u32,
  i4: u32,  // I / 4
}

@group(0) @binding(1) var<storage, read_write> tally: array<atomic<u32>, 4>;
@group(1) @binding(0) var<uniform> p: Params;

const ALIGNED = 0.9;
const UNIT = 0x1p14f;

@compute @workgroup_size(64)
fn gate_alignment(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  if (column >= p.i4) {
    return;
  }
  var dots = vec4f();
  var gates = vec4f();
  var ups = vec4f();
  for (var row = 0u; row < p.rows; row++) {
    let gate = inp::load(2u * row * p.i4 + column);
    let up = inp::load((2u * row + 1u) * p.i4 + column);
    dots += gate * up;
    gates += gate * gate;
    ups += up * up;
  }
  let lengths = sqrt(gates) * sqrt(ups);
  let cosines = select(vec4f(), min(abs(dots) / lengths, vec4f(1.0)), lengths > vec4f());
  let bits = bitcast<vec4u>(cosines);
  atomicMax(&tally[0], max(max(bits.x, bits.y), max(bits.z, bits.w)));
  let units = vec4u(round(cosines * UNIT));
  atomicAdd(&tally[1], units.x + units.y + units.z + units.w);
  let aligned = select(vec4u(), vec4u(1u), cosines >= vec4f(ALIGNED));
  atomicAdd(&tally[2], aligned.x + aligned.y + aligned.z + aligned.w);
}
