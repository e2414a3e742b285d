// attention_cache_store: copies the keys and values of a pass's tokens to their places in the cache of their window.
// shapes:  qkv (rows, H + 2 G, D) as lib/attention_rows.wgsl; cache (T, 2 G, D); position (1) u32, the place of the first row in the window
// numerics: exact, the formats are the same
// dispatch: one lane per vector of the keys and values, linear grid
// source:  own
import package::lib::grid::linearGroup;

struct Params {
  vectors: u32,   // rows * 2 G * D / 4
  query4: u32,    // H * D / 4
  keyValue4: u32, // 2 G * D / 4
}

@group(0) @binding(1) var<storage, read> position: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn attention_cache_store(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let at = i / p.keyValue4 * (p.query4 + p.keyValue4) + p.query4 + i % p.keyValue4;
  cache::store(position[0] * p.keyValue4 + i, qkv::load(at));
}
