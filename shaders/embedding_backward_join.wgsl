// embedding_backward_join: dweight[token] += the partial sums of embedding_backward_runs, of each token whose positions lie in several segments.
// shapes:  as in embedding_backward_runs
// numerics: f32 sum in order of segments, then added to dweight
// dispatch: one lane a vector of a segment's columns, linear grid; the segment in which a token's positions begin adds them up
// source:  second stage of embedding_backward_runs; reference/embedding.ts (oracle)
import package::lib::embedding_segments::{p, positions, starts, tokens};
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;

@group(0) @binding(3) var<storage, read> partials: array<vec4f>;

@compute @workgroup_size(64)
fn embedding_backward_join(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let segment = i / p.c4;
  let column = i % p.c4;
  let end = min((segment + 1u) * p.segment, p.rows);
  let token = tokens[positions[end - 1u]];
  let runEnd = starts[token + 1u];
  let row = token - p.firstToken; // beyond p.tokens where it is below firstToken
  if (runEnd <= end || starts[token] < segment * p.segment || row >= p.tokens) {
    return;
  }
  var sum = partials[(2u * segment + 1u) * p.c4 + column];
  for (var next = segment + 1u; next * p.segment < runEnd; next++) {
    sum += partials[2u * next * p.c4 + column];
  }
  sum += dweight::load(row * p.c4 + column);
  dweight::store(row * p.c4 + column, sum);
  reportOverflow(dweight::overflows(sum), p.site);
}
