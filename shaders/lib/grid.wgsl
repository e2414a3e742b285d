// grid: one-dimensional work on a two-dimensional grid.
// shapes:  workgroup (x, y) is number y * 65535 + x
// numerics: none
// dispatch: none (library); the inverse of `linearGrid` in src/engine/gpu/operation.ts
// source:  WebGPU's maxComputeWorkgroupsPerDimension, 65535 on every adapter

fn linearGroup(group: vec3u) -> u32 {
  return group.y * 65535u + group.x;
}
