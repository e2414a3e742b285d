// statistics: combines the statistics of a parameter that AdamW needs over a workgroup.
// shapes:  one vec4f per lane: (sum of squared updates, largest |m|, largest v, 0); every lane returns the combination of all
// numerics: f32; a tree in workgroup memory, so the order is fixed
// dispatch: none (library); workgroups have STATISTICS_WIDTH lanes
// source:  reductions of llm.c (algorithm)
const STATISTICS_WIDTH = 64u;

var<workgroup> statisticsScratch: array<vec4f, STATISTICS_WIDTH>;

fn joinStatistics(a: vec4f, b: vec4f) -> vec4f {
  return vec4f(a.x + b.x, max(a.yz, b.yz), 0.0);
}

fn workgroupStatistics(part: vec4f, local: u32) -> vec4f {
  statisticsScratch[local] = part;
  workgroupBarrier();
  for (var span = STATISTICS_WIDTH / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      statisticsScratch[local] = joinStatistics(statisticsScratch[local], statisticsScratch[local + span]);
    }
    workgroupBarrier();
  }
  return statisticsScratch[0];
}
