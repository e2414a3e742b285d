// attention_parts: how PARTS lanes share a row of a large head, so that none needs more registers than GPUs have.
// shapes:  a workgroup is PARTS groups of ROWS lanes; lane i of each group has a part of row i, PART4 vectors of D
// numerics: parts are summed in their order
// dispatch: none (library); one barrier where PARTS is more than 1, in uniform control flow
// source:  own
import constants::{HEAD4, LANES, PARTS, ROWS, SUMS};
@if(subgroups) enable subgroups;

const PART4 = HEAD4 / PARTS;

// Two of them in turns: a lane that reads one has passed the barrier before which the other was written.
@if(split) var<workgroup> partial: array<array<array<f32, LANES>, SUMS>, 2>;

// First vector of this lane's part of a row.
fn partOf(local: u32) -> u32 {
  @if(!split) return 0u;
  // Subgroups lie within a group of ROWS lanes: what is said so lets the compiler read keys once for all of them.
  @if(split && subgroups) return subgroupBroadcastFirst(local / ROWS) * PART4;
  @if(split && !subgroups) return local / ROWS * PART4;
}

// Makes products of parts of rows those of whole rows.
fn sumOfParts(products: ptr<function, array<f32, SUMS>>, local: u32, trip: u32) {
  @if(split) {
    for (var n = 0u; n < SUMS; n++) {
      partial[trip % 2u][n][local % LANES] = (*products)[n];
    }
    workgroupBarrier();
    for (var n = 0u; n < SUMS; n++) {
      var sum = 0.0;
      for (var i = 0u; i < PARTS; i++) {
        sum += partial[trip % 2u][n][i * ROWS + local % ROWS];
      }
      (*products)[n] = sum;
    }
  }
}
