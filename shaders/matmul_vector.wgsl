// matmul_vector: out = a op(b) of one row. Each number of b is read once, and nothing is computed that is not stored.
// shapes:  a (1, K); b (K, N), or (N, K) with bTransposed; out (1, N); K and N multiples of 4
// numerics: operands widened to f32 before they are multiplied, f32 accumulation in order of k, as matmul_register, and `exact` too; with PARTS > 1 every PARTS-th vector of k is summed by itself, and the sums are added in order
// dispatch: x over N / (4 * COLUMNS4 * VECTORS); with PARTS > 1 one barrier
// source:  own; reference/matmul.ts (oracle)
@if(exact) import package::lib::exact_sums::roundedSum;
import package::lib::found::reportOverflow;
import package::lib::matmul_columns::loadRows;
import package::lib::matmul_epilogue::{finish, shape};
import constants::{COLUMNS4, PARTS, VECTORS};
@if(exact) import constants::EXACT_STEPS;

const LANES = COLUMNS4 * PARTS;
// A constant bound lets the compiler prove that the loop ends.
const MAX_TRIPS = 0x1000000u;

@if(parted && !exact) var<workgroup> partial: array<vec4f, LANES>;
@if(parted && exact) var<workgroup> partial: array<vec4i, LANES>;

// Which part of the sum a lane has, and which of the workgroup's columns: neighbouring lanes read neighbouring vectors of b.
fn partOf(local: u32) -> u32 {
  @if(!parted) return 0u;
  @if(parted && bTransposed) return local % PARTS;
  @if(parted && !bTransposed) return local / COLUMNS4;
}

fn columnOf(local: u32) -> u32 {
  @if(bTransposed) return local / PARTS;
  @if(!bTransposed) return local % COLUMNS4;
}

@compute @workgroup_size(LANES)
fn matmul_vector(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let part = partOf(local);
  let first = group.x * COLUMNS4 * VECTORS + columnOf(local);
  let steps = shape.k / 4u;
  var sums: array<vec4f, VECTORS>;
  @if(exact) var totals: array<vec4i, VECTORS>;
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    let k4 = trip * PARTS + part;
    if (k4 >= steps) {
      break;
    }
    let v = a::load(k4);
    for (var i = 0u; i < VECTORS; i++) {
      let rows = loadRows(k4, min(first + i * COLUMNS4, shape.n4 - 1u));
      sums[i] = fma(vec4f(v.w), rows[3], fma(vec4f(v.z), rows[2], fma(vec4f(v.y), rows[1], fma(vec4f(v.x), rows[0], sums[i]))));
    }
    @if(exact) {
      if (trip % (EXACT_STEPS / 4u) == EXACT_STEPS / 4u - 1u) {
        for (var i = 0u; i < VECTORS; i++) {
          totals[i] += vec4i(sums[i]);
          sums[i] = vec4f();
        }
      }
    }
  }
  @if(exact) {
    for (var i = 0u; i < VECTORS; i++) {
      totals[i] += vec4i(sums[i]);
    }
  }
  @if(parted) {
    @if(!exact) partial[local] = sums[0];
    @if(exact) partial[local] = totals[0];
    workgroupBarrier();
    @if(!exact) var total = vec4f();
    @if(exact) var total = vec4i();
    for (var i = 0u; i < PARTS; i++) {
      @if(bTransposed) let lane = columnOf(local) * PARTS + i;
      @if(!bTransposed) let lane = i * COLUMNS4 + columnOf(local);
      total += partial[lane];
    }
    @if(!exact) sums[0] = total;
    @if(exact) totals[0] = total;
  }
  @if(exact) {
    for (var i = 0u; i < VECTORS; i++) {
      sums[i] = roundedSum(totals[i]);
    }
  }
  var overflowed = false;
  for (var i = 0u; i < VECTORS; i++) {
    let column4 = first + i * COLUMNS4;
    if (part == 0u && column4 < shape.n4) {
      overflowed = finish(0u, 0u, column4, sums[i]) || overflowed;
    }
  }
  reportOverflow(overflowed, shape.site);
}
