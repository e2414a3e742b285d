// reduce: sum and maximum over a workgroup, the same bits every time.
// shapes:  one f32 a lane in, the result in every lane out
// numerics: f32; fixed order (subgroup reduction, or a tree in shared memory where there are no subgroups)
// dispatch: none (library); with subgroups a workgroup is at most one subgroup, so no barrier is needed
// source:  reductions of llm.c (algorithm)
import constants::LANES;

@if(!subgroups) var<workgroup> reduceScratch: array<f32, LANES>;

@if(subgroups)
fn workgroupSum(value: f32, local: u32) -> f32 {
  return subgroupAdd(value);
}

@if(subgroups)
fn workgroupMax(value: f32, local: u32) -> f32 {
  return subgroupMax(value);
}

@if(!subgroups)
fn workgroupSum(value: f32, local: u32) -> f32 {
  reduceScratch[local] = value;
  workgroupBarrier();
  for (var span = u32(LANES) / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      reduceScratch[local] += reduceScratch[local + span];
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
  for (var span = u32(LANES) / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      reduceScratch[local] = max(reduceScratch[local], reduceScratch[local + span]);
    }
    workgroupBarrier();
  }
  let largest = reduceScratch[0];
  workgroupBarrier();
  return largest;
}
