// reduce: sum and maximum over a workgroup of any width, the same bits every time.
// shapes:  one f32 a lane in, the result in every lane out
// numerics: f32; fixed order (subgroups and then their results in turn, or a tree in shared memory where there are no subgroups)
// dispatch: none (library); a workgroup of at most one subgroup needs no barrier
// source:  reductions of llm.c (algorithm)
import constants::LANES;
@if(severalSubgroups) import constants::SUBGROUP;

@if(severalSubgroups) const SUBGROUPS = (LANES + SUBGROUP - 1u) / SUBGROUP;
@if(severalSubgroups) var<workgroup> reduceScratch: array<f32, SUBGROUPS>;
@if(!subgroups) var<workgroup> reduceScratch: array<f32, LANES>;

@if(subgroups && !severalSubgroups)
fn workgroupSum(value: f32, local: u32) -> f32 {
  return subgroupAdd(value);
}

@if(subgroups && !severalSubgroups)
fn workgroupMax(value: f32, local: u32) -> f32 {
  return subgroupMax(value);
}

@if(severalSubgroups)
fn workgroupSum(value: f32, local: u32) -> f32 {
  shareResult(subgroupAdd(value), local);
  var total = reduceScratch[0];
  for (var i = 1u; i < SUBGROUPS; i++) {
    total += reduceScratch[i];
  }
  workgroupBarrier();
  return total;
}

@if(severalSubgroups)
fn workgroupMax(value: f32, local: u32) -> f32 {
  shareResult(subgroupMax(value), local);
  var largest = reduceScratch[0];
  for (var i = 1u; i < SUBGROUPS; i++) {
    largest = max(largest, reduceScratch[i]);
  }
  workgroupBarrier();
  return largest;
}

// Leaves the result of each subgroup where all lanes read it.
@if(severalSubgroups)
fn shareResult(result: f32, local: u32) {
  if (local % SUBGROUP == 0u) {
    reduceScratch[local / SUBGROUP] = result;
  }
  workgroupBarrier();
}

@if(!subgroups)
fn workgroupSum(value: f32, local: u32) -> f32 {
  reduceScratch[local] = value;
  workgroupBarrier();
  for (var width = u32(LANES); width > 1u; width = (width + 1u) / 2u) {
    if (local < width / 2u) {
      reduceScratch[local] += reduceScratch[local + (width + 1u) / 2u];
    }
    workgroupBarrier();
  }
  let total = reduceScratch[0];
  workgroupBarrier();
  return total;
}

@if(!subgroups)
fn workgroupMax(value: f32, local: u32) -> f32 {
  reduceScratch[local] = value;
  workgroupBarrier();
  for (var width = u32(LANES); width > 1u; width = (width + 1u) / 2u) {
    if (local < width / 2u) {
      reduceScratch[local] = max(reduceScratch[local], reduceScratch[local + (width + 1u) / 2u]);
    }
    workgroupBarrier();
  }
  let largest = reduceScratch[0];
  workgroupBarrier();
  return largest;
}
