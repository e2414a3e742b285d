// attention_share: how lanes share the reading of a row: SHARE lanes each load some of its vectors, and shuffle them to each other.
// shapes:  SHARE = gcd(LANES, SUBGROUP): groups of SHARE lanes are full and lie within one subgroup, however wide the workgroup is
// numerics: none
// dispatch: none (library)
// source:  row sharing by subgroup shuffles (research kernels 4.3)
import constants::{HEAD4, SHARE};

// Vectors of a row that a lane loads for its group.
const SHARES = (HEAD4 + SHARE - 1u) / SHARE;

// Lane of the subgroup that is the first of this lane's group.
fn shareBase(lane: u32) -> u32 {
  @if(shared) return lane / SHARE * SHARE;
  @if(!shared) return 0u;
}
