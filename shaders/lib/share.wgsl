// share: lanes that load vectors for each other, in groups of SHARE = gcd(LANES, SUBGROUP) neighbours.
// shapes:  none; a group reads vectors 0 .. N - 1, its lane j those with index j, j + SHARE, ...
// numerics: exact
// dispatch: none (library); under `subgroups` only. Every group is whole, in workgroups narrower than a subgroup, wider, or no multiple of it
// source:  none
import constants::SHARE;

// Which of its group a lane is. @param lane subgroup_invocation_id
fn sharedIndex(lane: u32) -> u32 {
  @if(sharesPart) return lane % SHARE;
  @if(!sharesPart) return lane;
}

// The lane of this lane's group that loaded vector `slot`. Where a subgroup has one group it is the same for all lanes, and compilers are to see that.
fn sharedLane(lane: u32, slot: u32) -> u32 {
  @if(sharesPart) return lane / SHARE * SHARE + slot % SHARE;
  @if(!sharesPart) return slot % SHARE;
}
