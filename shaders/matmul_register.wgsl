// matmul_register: out = op(a) op(b), ROWS rows (twice that if tall) by four columns (eight if wide) in the registers of each lane.
// shapes:  a (M, K), or (K, M) with aTransposed; b (K, N), or (N, K) with bTransposed; out (M, N); K, N (and M if aTransposed) multiples of 4, N of the tile's columns if wide
// numerics: operands widened to f32 before they are multiplied, f32 accumulation in order of k; with `exact` sums of integers continue in i32 after each EXACT_STEPS products
// dispatch: x over N / (4 * TILE_COLUMNS4), y over M / TILE_ROWS, with `split` z over parts of the sum; no shared memory, no barriers
// source:  register tiling; with subgroups lanes share the loading of a; reference/matmul.ts (oracle)
@if(exact) import package::lib::exact_sums::roundedSum;
import package::lib::found::reportOverflow;
@if(!wide) import package::lib::matmul_columns::loadRows;
import package::lib::matmul_epilogue::{endStep, finish, firstStep, shape};
@if(subgroups) import package::lib::share::{sharedIndex, sharedLane};
import constants::{LANES, ROWS};
@if(exact) import constants::EXACT_STEPS;
@if(subgroups) import constants::SHARE;
@if(subgroups) enable subgroups;

// Arrays above 16 vectors leave the registers on software adapters, so that a tall tile has two.
@if(tall) const TILE_ROWS = 2u * ROWS;
@if(!tall) const TILE_ROWS = u32(ROWS);
// From a lane's first vector of columns to its second.
const RIGHT = u32(LANES);
@if(wide) const TILE_COLUMNS4 = 2u * RIGHT;
@if(!wide) const TILE_COLUMNS4 = RIGHT;
const ROWS4 = ROWS / 4u;
const TILE_ROWS4 = TILE_ROWS / 4u;
// Steps of k in a trip of the loop. A wide tile takes two, so that eight columns need no more registers than four at four steps.
@if(wide) const STEPS = 2u;
@if(!wide) const STEPS = 4u;
// Vectors of a: four steps of each row, or with aTransposed all rows of each step of a trip.
@if(!aTransposed) const VECTORS = TILE_ROWS;
@if(aTransposed) const VECTORS = STEPS * TILE_ROWS4;
// Those that a lane loads: its share, or all of them where lanes cannot share.
@if(subgroups) const PARTS = (VECTORS + SHARE - 1u) / SHARE;
@if(!subgroups) const PARTS = VECTORS;
// A constant bound lets the compiler prove that the loop ends.
const MAX_TRIPS = 0x1000000u;

// The sums of ROWS rows at a lane's columns.
struct Sums {
  left: array<vec4f, ROWS>,
  @if(wide) right: array<vec4f, ROWS>,
}

@if(exact)
struct Totals {
  left: array<vec4i, ROWS>,
  @if(wide) right: array<vec4i, ROWS>,
}

// Adds what an f32 still holds exactly, and begins anew.
@if(exact)
fn moveSums(totals: ptr<function, Totals>, acc: ptr<function, Sums>) {
  for (var i = 0u; i < ROWS; i++) {
    (*totals).left[i] += vec4i((*acc).left[i]);
    (*acc).left[i] = vec4f();
    @if(wide) {
      (*totals).right[i] += vec4i((*acc).right[i]);
      (*acc).right[i] = vec4f();
    }
  }
}

@if(exact)
fn readTotals(acc: ptr<function, Sums>, totals: ptr<function, Totals>) {
  moveSums(totals, acc);
  for (var i = 0u; i < ROWS; i++) {
    (*acc).left[i] = roundedSum((*totals).left[i]);
    @if(wide) {
      (*acc).right[i] = roundedSum((*totals).right[i]);
    }
  }
}

// Vector `slot` of a for steps 4 k4 .. 4 k4 + 3. Rows beyond the end repeat the last; their results are not stored.
@if(!aTransposed)
fn loadA(slot: u32, row0: u32, k4: u32) -> vec4f {
  return a::load(min(row0 + slot, shape.m - 1u) * (shape.k / 4u) + k4);
}

// Slot kk * TILE_ROWS4 + q holds rows 4 q .. 4 q + 3 of step kk of a trip; steps beyond the end count as zero.
@if(aTransposed)
fn loadA(slot: u32, row0: u32, trip: u32) -> vec4f {
  let k = trip * STEPS + slot / TILE_ROWS4;
  let row4 = min(row0 / 4u + slot % TILE_ROWS4, shape.m / 4u - 1u);
  return select(vec4f(), a::load(min(k, shape.k - 1u) * (shape.m / 4u) + row4), k < shape.k);
}

// A lane's vectors of a for steps 4 at .. 4 at + 3, or with aTransposed for trip `at`.
fn loadParts(part: ptr<function, array<vec4f, PARTS>>, lane: u32, row0: u32, at: u32) {
  for (var i = 0u; i < PARTS; i++) {
    @if(subgroups) let slot = (sharedIndex(lane) + i * SHARE) % VECTORS;
    @if(!subgroups) let slot = i;
    (*part)[i] = loadA(slot, row0, at);
  }
}

// The rows of op(b) that belong to steps 2 k2 and 2 k2 + 1, at this lane's two vectors of columns.
@if(wide)
fn loadWideRows(k2: u32, column4: u32) -> array<vec4f, 4> {
  let at = 2u * k2 * shape.n4 + column4;
  @if(!aTransposed) let next = at + shape.n4;
  @if(aTransposed) let next = min(2u * k2 + 1u, shape.k - 1u) * shape.n4 + column4;
  return array<vec4f, 4>(b::load(at), b::load(at + RIGHT), b::load(next), b::load(next + RIGHT));
}

// The steps of a trip in vector `slot` of a, from the lane that loaded it. (To Naga an alias for either type would be a third.)
@if(wide && !aTransposed)
fn sharedA(part: ptr<function, array<vec2f, PARTS>>, lane: u32, slot: u32) -> vec2f {
  @if(subgroups) return subgroupShuffle((*part)[slot / SHARE], sharedLane(lane, slot));
  @if(!subgroups) return (*part)[slot];
}

@if(!wide || aTransposed)
fn sharedA(part: ptr<function, array<vec4f, PARTS>>, lane: u32, slot: u32) -> vec4f {
  @if(subgroups) return subgroupShuffle((*part)[slot / SHARE], sharedLane(lane, slot));
  @if(!subgroups) return (*part)[slot];
}

// The steps of a trip for one row: the sum goes through memory once on adapters with few registers.
@if(wide)
fn addSteps(sum: vec4f, v: vec2f, row0: vec4f, row1: vec4f) -> vec4f {
  return fma(vec4f(v.y), row1, fma(vec4f(v.x), row0, sum));
}

@if(!wide)
fn addSteps(sum: vec4f, v: vec4f, rows: array<vec4f, 4>) -> vec4f {
  return fma(vec4f(v.w), rows[3], fma(vec4f(v.z), rows[2], fma(vec4f(v.y), rows[1], fma(vec4f(v.x), rows[0], sum))));
}

// The steps of a trip for the ROWS rows from `first`.
@if(!aTransposed)
fn addRows(
  acc: ptr<function, Sums>,
  @if(wide) part: ptr<function, array<vec2f, PARTS>>,
  @if(!wide) part: ptr<function, array<vec4f, PARTS>>,
  lane: u32,
  first: u32,
  rows: array<vec4f, 4>,
) {
  for (var i = 0u; i < ROWS; i++) {
    let v = sharedA(part, lane, first + i);
    @if(!wide) {
      (*acc).left[i] = addSteps((*acc).left[i], v, rows);
    }
    @if(wide) {
      (*acc).left[i] = addSteps((*acc).left[i], v, rows[0], rows[2]);
      (*acc).right[i] = addSteps((*acc).right[i], v, rows[1], rows[3]);
    }
  }
}

@if(aTransposed && wide)
fn addRows(acc: ptr<function, Sums>, part: ptr<function, array<vec4f, PARTS>>, lane: u32, first: u32, rows: array<vec4f, 4>) {
  for (var q = 0u; q < ROWS4; q++) {
    let slot = first / 4u + q;
    let step0 = sharedA(part, lane, slot);
    let step1 = sharedA(part, lane, slot + TILE_ROWS4);
    for (var i = 0u; i < 4u; i++) {
      let v = vec2f(step0[i], step1[i]);
      (*acc).left[4u * q + i] = addSteps((*acc).left[4u * q + i], v, rows[0], rows[2]);
      (*acc).right[4u * q + i] = addSteps((*acc).right[4u * q + i], v, rows[1], rows[3]);
    }
  }
}

@if(aTransposed && !wide)
fn addRows(acc: ptr<function, Sums>, part: ptr<function, array<vec4f, PARTS>>, lane: u32, first: u32, rows: array<vec4f, 4>) {
  for (var q = 0u; q < ROWS4; q++) {
    let slot = first / 4u + q;
    let step0 = sharedA(part, lane, slot);
    let step1 = sharedA(part, lane, slot + TILE_ROWS4);
    let step2 = sharedA(part, lane, slot + 2u * TILE_ROWS4);
    let step3 = sharedA(part, lane, slot + 3u * TILE_ROWS4);
    (*acc).left[4u * q] = addSteps((*acc).left[4u * q], vec4f(step0.x, step1.x, step2.x, step3.x), rows);
    (*acc).left[4u * q + 1u] = addSteps((*acc).left[4u * q + 1u], vec4f(step0.y, step1.y, step2.y, step3.y), rows);
    (*acc).left[4u * q + 2u] = addSteps((*acc).left[4u * q + 2u], vec4f(step0.z, step1.z, step2.z, step3.z), rows);
    (*acc).left[4u * q + 3u] = addSteps((*acc).left[4u * q + 3u], vec4f(step0.w, step1.w, step2.w, step3.w), rows);
  }
}

// Stores the rows at one vector of columns; returns whether one overflowed. Its loop has a variable bound and is not unrolled:
// it reads a copy, so that the sums themselves stay in registers.
fn finishRows(result: ptr<function, array<vec4f, TILE_ROWS>>, part: u32, row0: u32, column4: u32) -> bool {
  var overflowed = false;
  let rowsHere = select(0u, min(TILE_ROWS, shape.m - row0), column4 < shape.n4);
  for (var i = 0u; i < rowsHere; i++) {
    overflowed = finish(part, row0 + i, column4, (*result)[i]) || overflowed;
  }
  return overflowed;
}

@compute @workgroup_size(LANES)
fn matmul_register(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @if(subgroups) @builtin(subgroup_invocation_id) lane: u32,
) {
  @if(!subgroups) let lane = 0u;
  let row0 = group.y * TILE_ROWS;
  let column4 = group.x * TILE_COLUMNS4 + local;
  let loadColumn4 = min(column4, shape.n4 - 1u);
  let first = firstStep(group.z) / STEPS;
  let trips = (endStep(group.z) + STEPS - 1u) / STEPS - first;
  var acc: Sums;
  @if(tall) var lower: Sums;
  @if(exact) var totals: Totals;
  @if(exact && tall) var lowerTotals: Totals;
  @if(wide && !aTransposed) var loaded: array<vec4f, PARTS>;
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    if (trip >= trips) {
      break;
    }
    let at = first + trip;
    @if(wide && !aTransposed) var part: array<vec2f, PARTS>;
    @if(!wide || aTransposed) var part: array<vec4f, PARTS>;
    @if(!wide || aTransposed) loadParts(&part, lane, row0, at);
    @if(wide && !aTransposed) {
      // Vectors of a are four steps long.
      let isSecond = at % 2u == 1u;
      if (!isSecond) {
        loadParts(&loaded, lane, row0, at / 2u);
      }
      for (var i = 0u; i < PARTS; i++) {
        part[i] = select(loaded[i].xy, loaded[i].zw, isSecond);
      }
    }
    @if(!wide) let rows = loadRows(at, loadColumn4);
    @if(wide) let rows = loadWideRows(at, loadColumn4);
    addRows(&acc, &part, lane, 0u, rows);
    @if(tall) addRows(&lower, &part, lane, ROWS, rows);
    @if(exact) {
      if (trip % (EXACT_STEPS / STEPS) == EXACT_STEPS / STEPS - 1u) {
        moveSums(&totals, &acc);
        @if(tall) moveSums(&lowerTotals, &lower);
      }
    }
  }
  @if(exact) readTotals(&acc, &totals);
  @if(exact && tall) readTotals(&lower, &lowerTotals);
  var result: array<vec4f, TILE_ROWS>;
  for (var i = 0u; i < ROWS; i++) {
    result[i] = acc.left[i];
    @if(tall) result[ROWS + i] = lower.left[i];
  }
  var overflowed = finishRows(&result, group.z, row0, column4);
  @if(wide) {
    for (var i = 0u; i < ROWS; i++) {
      result[i] = acc.right[i];
      @if(tall) result[ROWS + i] = lower.right[i];
    }
    overflowed = finishRows(&result, group.z, row0, column4 + RIGHT) || overflowed;
  }
  reportOverflow(overflowed, shape.site);
}
