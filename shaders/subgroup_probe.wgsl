// subgroup_probe: which lanes of a workgroup form a subgroup.
// shapes:  out (groups, LANES) of vec4u: size of the lane's subgroup, its place in it, how many lanes it has in this workgroup, the first of them
// numerics: exact
// dispatch: any number of workgroups
// source:  none
import constants::LANES;
enable subgroups;

struct Params {
  first: u32,   // where this dispatch begins in out
}

@group(0) @binding(0) var<storage, read_write> out: array<vec4u>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn subgroup_probe(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_size) size: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let present = subgroupAdd(1u);
  let lowest = subgroupMin(local);
  out[p.first + group.x * LANES + local] = vec4u(size, lane, present, lowest);
}
