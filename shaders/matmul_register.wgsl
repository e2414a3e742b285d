// matmul_register: out = op(a) op(b), a tile of ROWS rows by four columns in the registers of each lane.
// shapes:  a (M, K), or (K, M) with aTransposed; b (K, N), or (N, K) with bTransposed; out (M, N); K, N (and M if aTransposed) multiples of 4
// numerics: operands widened to f32 before they are multiplied, f32 accumulation in order of k
// dispatch: x over N / (4 * LANES * SUBGROUPS), y over M / ROWS; no shared memory, no barriers
// source:  register tiling; with subgroups the lanes share the loading of a (research kernels 3.2); reference/matmul.ts (oracle)
import package::lib::found::reportOverflow;
import package::lib::matmul_epilogue::{finish, shape};
import a_format::{Elem4 as ElemA, decode as decodeA};
import b_format::{Elem4 as ElemB, decode as decodeB};
import constants::{LANES, ROWS, SUBGROUPS};
@if(subgroups) enable subgroups;

@group(0) @binding(0) var<storage, read> a: array<ElemA>;
@group(0) @binding(1) var<storage, read> b: array<ElemB>;

const ROWS4 = ROWS / 4u;
// Vectors of a that each lane loads for four steps of k.
@if(subgroups) const PARTS = (ROWS + LANES - 1u) / LANES;
// A constant bound lets the compiler prove that the loop ends.
const MAX_TRIPS = 0x1000000u;

// Vector `slot` of a for steps 4 k4 .. 4 k4 + 3. Rows beyond the end repeat the last; their results are not stored.
@if(!aTransposed)
fn loadA(slot: u32, row0: u32, k4: u32) -> vec4f {
  return decodeA(a[min(row0 + slot, shape.m - 1u) * (shape.k / 4u) + k4]);
}

// Slot kk * ROWS4 + q holds rows 4 q .. 4 q + 3 of step kk; steps beyond the end count as zero.
@if(aTransposed)
fn loadA(slot: u32, row0: u32, k4: u32) -> vec4f {
  let k = k4 * 4u + slot / ROWS4;
  let row4 = min(row0 / 4u + slot % ROWS4, shape.m / 4u - 1u);
  return select(vec4f(), decodeA(a[min(k, shape.k - 1u) * (shape.m / 4u) + row4]), k < shape.k);
}

// Row kk of the four rows of op(b) that belong to k4, at this lane's columns.
@if(!bTransposed)
fn loadB(k4: u32, column4: u32) -> mat4x4f {
  let last = shape.k - 1u;
  let k = k4 * 4u;
  return mat4x4f(
    decodeB(b[min(k, last) * shape.n4 + column4]),
    decodeB(b[min(k + 1u, last) * shape.n4 + column4]),
    decodeB(b[min(k + 2u, last) * shape.n4 + column4]),
    decodeB(b[min(k + 3u, last) * shape.n4 + column4]),
  );
}

@if(bTransposed)
fn loadB(k4: u32, column4: u32) -> mat4x4f {
  let stride = shape.k / 4u;
  let at = column4 * 4u * stride + k4;
  return transpose(mat4x4f(
    decodeB(b[at]),
    decodeB(b[at + stride]),
    decodeB(b[at + 2u * stride]),
    decodeB(b[at + 3u * stride]),
  ));
}

@compute @workgroup_size(LANES * SUBGROUPS)
fn matmul_register(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @if(subgroups) @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.y * ROWS;
  let column4 = group.x * (LANES * SUBGROUPS) + local;
  let loadColumn4 = min(column4, shape.n4 - 1u);
  let trips = (shape.k + 3u) / 4u;
  var acc: array<vec4f, ROWS>;
  for (var k4 = 0u; k4 < MAX_TRIPS; k4++) {
    if (k4 >= trips) {
      break;
    }
    @if(subgroups) var part: array<vec4f, PARTS>;
    @if(subgroups) for (var i = 0u; i < PARTS; i++) {
      part[i] = loadA((lane + i * LANES) % ROWS, row0, k4);
    }
    let rows = loadB(k4, loadColumn4);
    for (var slot = 0u; slot < ROWS; slot++) {
      @if(subgroups) let v = subgroupShuffle(part[slot / LANES], slot % LANES);
      @if(!subgroups) let v = loadA(slot, row0, k4);
      @if(!aTransposed) {
        acc[slot] = fma(vec4f(v.x), rows[0], acc[slot]);
        acc[slot] = fma(vec4f(v.y), rows[1], acc[slot]);
        acc[slot] = fma(vec4f(v.z), rows[2], acc[slot]);
        acc[slot] = fma(vec4f(v.w), rows[3], acc[slot]);
      }
      @if(aTransposed) {
        let row = rows[slot / ROWS4];
        let first = slot % ROWS4 * 4u;
        acc[first] = fma(vec4f(v.x), row, acc[first]);
        acc[first + 1u] = fma(vec4f(v.y), row, acc[first + 1u]);
        acc[first + 2u] = fma(vec4f(v.z), row, acc[first + 2u]);
        acc[first + 3u] = fma(vec4f(v.w), row, acc[first + 3u]);
      }
    }
  }
  var overflowed = false;
  if (column4 < shape.n4) {
    for (var i = 0u; i < ROWS; i++) {
      if (row0 + i < shape.m) {
        overflowed = finish(row0 + i, column4, acc[i]) || overflowed;
      }
    }
  }
  reportOverflow(overflowed, shape.site);
}
