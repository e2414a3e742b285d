// level_range: finds the smallest and the largest value of a tensor, as partial results.
// shapes:  inp (vectors) of four elements; partials (groups) as (smallest, largest)
// numerics: exact; NaN and infinity may be left out, since a step with them is skipped
// dispatch: `groups` workgroups, each over every groups-th 64 vectors; quantize_levels finishes
// source:  own; reference/levels.ts (oracle)

struct Params {
  vectors: u32,
  groups: u32,
}

@group(0) @binding(1) var<storage, read_write> partials: array<vec2f>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;
const FINITE_MAX = 0x1.fffffep127f;

var<workgroup> part: array<vec2f, WIDTH>;

@compute @workgroup_size(WIDTH)
fn level_range(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  var low = vec4f(FINITE_MAX);
  var high = vec4f(-FINITE_MAX);
  for (var i = group.x * WIDTH + local; i < p.vectors; i += p.groups * WIDTH) {
    let value = inp::load(i);
    low = min(low, value);
    high = max(high, value);
  }
  part[local] = vec2f(min(min(low.x, low.y), min(low.z, low.w)), max(max(high.x, high.y), max(high.z, high.w)));
  workgroupBarrier();
  for (var span = WIDTH / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      let other = part[local + span];
      part[local] = vec2f(min(part[local].x, other.x), max(part[local].y, other.y));
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    partials[group.x] = part[0];
  }
}
