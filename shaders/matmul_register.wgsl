// matmul_register: out = op(a) op(b), a tile of ROWS rows (twice that if tall) by four columns in the registers of each lane.
// shapes:  a (M, K), or (K, M) with aTransposed; b (K, N), or (N, K) with bTransposed; out (M, N); K, N (and M if aTransposed) multiples of 4
// numerics: operands widened to f32 before they are multiplied, f32 accumulation in order of k
// dispatch: x over N / (4 * LANES * SUBGROUPS), y over M / TILE_ROWS, with `split` z over parts of the sum; no shared memory, no barriers
// source:  register tiling; with subgroups the lanes share the loading of a (research kernels 3.2); reference/matmul.ts (oracle)
import package::lib::found::reportOverflow;
import package::lib::matmul_epilogue::{endStep, finish, firstStep, shape};
import a_format::{Elem4 as ElemA, decode as decodeA};
import b_format::{Elem4 as ElemB, decode as decodeB};
import constants::{LANES, ROWS, SUBGROUPS};
@if(subgroups) enable subgroups;

@group(0) @binding(0) var<storage, read> a: array<ElemA>;
@group(0) @binding(1) var<storage, read> b: array<ElemB>;

// Arrays above 16 vectors leave the registers on software adapters, so that a tall tile has two.
@if(tall) const TILE_ROWS = 2u * ROWS;
@if(!tall) const TILE_ROWS = u32(ROWS);
const ROWS4 = ROWS / 4u;
const TILE_ROWS4 = TILE_ROWS / 4u;
// Vectors of a that each lane loads for four steps of k: its share, or all of them where lanes cannot share.
@if(subgroups) const PARTS = (TILE_ROWS + LANES - 1u) / LANES;
@if(!subgroups) const PARTS = TILE_ROWS;
// A constant bound lets the compiler prove that the loop ends.
const MAX_TRIPS = 0x1000000u;

// Vector `slot` of a for steps 4 k4 .. 4 k4 + 3. Rows beyond the end repeat the last; their results are not stored.
@if(!aTransposed)
fn loadA(slot: u32, row0: u32, k4: u32) -> vec4f {
  return decodeA(a[min(row0 + slot, shape.m - 1u) * (shape.k / 4u) + k4]);
}

// Slot kk * TILE_ROWS4 + q holds rows 4 q .. 4 q + 3 of step kk; steps beyond the end count as zero.
@if(aTransposed)
fn loadA(slot: u32, row0: u32, k4: u32) -> vec4f {
  let k = k4 * 4u + slot / TILE_ROWS4;
  let row4 = min(row0 / 4u + slot % TILE_ROWS4, shape.m / 4u - 1u);
  return select(vec4f(), decodeA(a[min(k, shape.k - 1u) * (shape.m / 4u) + row4]), k < shape.k);
}

// The four rows of op(b) that belong to k4, at this lane's columns.
@if(!bTransposed)
fn loadB(k4: u32, column4: u32) -> array<vec4f, 4> {
  let last = shape.k - 1u;
  let k = k4 * 4u;
  return array<vec4f, 4>(
    decodeB(b[min(k, last) * shape.n4 + column4]),
    decodeB(b[min(k + 1u, last) * shape.n4 + column4]),
    decodeB(b[min(k + 2u, last) * shape.n4 + column4]),
    decodeB(b[min(k + 3u, last) * shape.n4 + column4]),
  );
}

@if(bTransposed)
fn loadB(k4: u32, column4: u32) -> array<vec4f, 4> {
  let stride = shape.k / 4u;
  let at = column4 * 4u * stride + k4;
  let t0 = decodeB(b[at]);
  let t1 = decodeB(b[at + stride]);
  let t2 = decodeB(b[at + 2u * stride]);
  let t3 = decodeB(b[at + 3u * stride]);
  return array<vec4f, 4>(
    vec4f(t0.x, t1.x, t2.x, t3.x),
    vec4f(t0.y, t1.y, t2.y, t3.y),
    vec4f(t0.z, t1.z, t2.z, t3.z),
    vec4f(t0.w, t1.w, t2.w, t3.w),
  );
}

// Vector `slot` of a, from the lane that loaded it.
fn sharedA(part: ptr<function, array<vec4f, PARTS>>, slot: u32) -> vec4f {
  @if(subgroups) return subgroupShuffle((*part)[slot / LANES], slot % LANES);
  @if(!subgroups) return (*part)[slot];
}

// Four steps of k for one row: the sum goes through memory once on adapters with few registers.
fn addSteps(sum: vec4f, v: vec4f, rows: array<vec4f, 4>) -> vec4f {
  return fma(vec4f(v.w), rows[3], fma(vec4f(v.z), rows[2], fma(vec4f(v.y), rows[1], fma(vec4f(v.x), rows[0], sum))));
}

// Four steps of k for the ROWS rows from `first`.
@if(!aTransposed)
fn addRows(acc: ptr<function, array<vec4f, ROWS>>, part: ptr<function, array<vec4f, PARTS>>, first: u32, rows: array<vec4f, 4>) {
  for (var i = 0u; i < ROWS; i++) {
    (*acc)[i] = addSteps((*acc)[i], sharedA(part, first + i), rows);
  }
}

@if(aTransposed)
fn addRows(acc: ptr<function, array<vec4f, ROWS>>, part: ptr<function, array<vec4f, PARTS>>, first: u32, rows: array<vec4f, 4>) {
  for (var q = 0u; q < ROWS4; q++) {
    let slot = first / 4u + q;
    let step0 = sharedA(part, slot);
    let step1 = sharedA(part, slot + TILE_ROWS4);
    let step2 = sharedA(part, slot + 2u * TILE_ROWS4);
    let step3 = sharedA(part, slot + 3u * TILE_ROWS4);
    (*acc)[4u * q] = addSteps((*acc)[4u * q], vec4f(step0.x, step1.x, step2.x, step3.x), rows);
    (*acc)[4u * q + 1u] = addSteps((*acc)[4u * q + 1u], vec4f(step0.y, step1.y, step2.y, step3.y), rows);
    (*acc)[4u * q + 2u] = addSteps((*acc)[4u * q + 2u], vec4f(step0.z, step1.z, step2.z, step3.z), rows);
    (*acc)[4u * q + 3u] = addSteps((*acc)[4u * q + 3u], vec4f(step0.w, step1.w, step2.w, step3.w), rows);
  }
}

@compute @workgroup_size(LANES * SUBGROUPS)
fn matmul_register(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @if(subgroups) @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.y * TILE_ROWS;
  let column4 = group.x * (LANES * SUBGROUPS) + local;
  let loadColumn4 = min(column4, shape.n4 - 1u);
  let firstK4 = firstStep(group.z) / 4u;
  let trips = (endStep(group.z) + 3u) / 4u - firstK4;
  var acc: array<vec4f, ROWS>;
  @if(tall) var lower: array<vec4f, ROWS>;
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    if (trip >= trips) {
      break;
    }
    let k4 = firstK4 + trip;
    var part: array<vec4f, PARTS>;
    for (var i = 0u; i < PARTS; i++) {
      @if(subgroups) let slot = (lane + i * LANES) % TILE_ROWS;
      @if(!subgroups) let slot = i;
      part[i] = loadA(slot, row0, k4);
    }
    let rows = loadB(k4, loadColumn4);
    addRows(&acc, &part, 0u, rows);
    @if(tall) addRows(&lower, &part, ROWS, rows);
  }
  // The last loop has a variable bound and is not unrolled: it reads a copy, so that acc itself stays in registers.
  var result: array<vec4f, TILE_ROWS>;
  for (var i = 0u; i < ROWS; i++) {
    result[i] = acc[i];
    @if(tall) result[ROWS + i] = lower[i];
  }
  var overflowed = false;
  let rowsHere = select(0u, min(TILE_ROWS, shape.m - row0), column4 < shape.n4);
  for (var i = 0u; i < rowsHere; i++) {
    overflowed = finish(group.z, row0 + i, column4, result[i]) || overflowed;
  }
  reportOverflow(overflowed, shape.site);
}
