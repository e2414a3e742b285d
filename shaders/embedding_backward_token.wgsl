// embedding_backward_token: dweight[token] += sum of dout over the token's positions.
// shapes:  starts (Vp + 1), positions (B*T) u32: rows of dout sorted by token; dout (B*T, C); dweight (tokens, C) from row firstToken
// numerics: f32 sum in order of position; no atomics, so the same bits every time
// dispatch: one lane a vector of dweight, linear grid; embedding_backward_runs is for GPUs, which this leaves idle where few tokens are frequent
// source:  encoder_backward of llm.c (idea); reference/embedding.ts (oracle)
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;

struct Params {
  vectors: u32,  // tokens * C / 4
  c4: u32,
  firstToken: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> starts: array<u32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn embedding_backward_token(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let token = p.firstToken + i / p.c4;
  let column = i % p.c4;
  let first = starts[token];
  let end = starts[token + 1u];
  if (first == end) {
    return;
  }
  var sum = dweight::load(i);
  for (var j = first; j < end; j++) {
    sum += dout::load(positions[j] * p.c4 + column);
  }
  dweight::store(i, sum);
  reportOverflow(dweight::overflows(sum), p.site);
}
