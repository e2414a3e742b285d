// rotated_amax: updates the entry in amax of a matrix whose rows the Hadamard transform mixes with its largest magnitude.
// shapes:  inp (rows, C); amax (records)
// numerics: those of hadamard; magnitudes are compared by their bits, as in tensor_amax
// dispatch: x over C / 4 / LANES, y over blocks of 16 rows; integer atomics, so that the order does not matter
// source:  two levels of scales of NVFP4 (arXiv 2509.25149); reference/blockScales.ts (oracle)
import package::lib::rotated_rows::rotatedRows;
import package::lib::round::magnitudeBits;
import constants::LANES;

struct Params {
  rows: u32,
  c4: u32,
  record: u32,
}

@group(0) @binding(1) var<storage, read_write> amax: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> p: Params;

var<workgroup> largest: atomic<u32>;

@compute @workgroup_size(LANES)
fn rotated_amax(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * LANES + local;
  if (column < p.c4) {
    var rows = rotatedRows(group.y * 16u, column, p.rows, p.c4);
    var magnitude = vec4u();
    for (var i = 0u; i < 16u; i++) {
      magnitude = max(magnitude, magnitudeBits(rows[i]));
    }
    atomicMax(&largest, max(max(magnitude.x, magnitude.y), max(magnitude.z, magnitude.w)));
  }
  workgroupBarrier();
  if (local == 0u) {
    atomicMax(&amax[p.record], atomicLoad(&largest));
  }
}
