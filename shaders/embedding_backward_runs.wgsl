// embedding_backward_runs: dweight[token] += sum of dout over the token's positions, for the tokens whose positions lie in one segment of the sorted list; partial sums of the others.
// shapes:  tokens (B*T) u32; starts (Vp + 1), positions (B*T) u32: rows of dout sorted by token; dout (B*T, C); dweight (tokens, C) from row firstToken; partials (segments, 2, C) f32: of the run that a segment's first position continues, of the run that its last one begins and the next segment continues
// numerics: f32 sums in order of position; no atomics, so the same bits every time
// dispatch: one lane a vector of a segment's columns, linear grid; embedding_backward_join finishes
// source:  segmented sum; reference/embedding.ts (oracle)
import package::lib::embedding_segments::{p, positions, starts, tokens};
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;

@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

@compute @workgroup_size(64)
fn embedding_backward_runs(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let segment = i / p.c4;
  let column = i % p.c4;
  let first = segment * p.segment;
  let end = min(first + p.segment, p.rows);
  var overflowed = false;
  var j = first;
  while (j < end) {
    let token = tokens[positions[j]];
    let begins = starts[token] >= first;
    // At least one position, so that the loop ends whatever `starts` holds.
    let runEnd = max(starts[token + 1u], j + 1u);
    var sum = vec4f();
    for (; j < min(runEnd, end); j++) {
      sum += dout::load(positions[j] * p.c4 + column);
    }
    if (!begins || runEnd > end) {
      partials[(2u * segment + select(0u, 1u, begins)) * p.c4 + column] = sum;
      continue;
    }
    let row = token - p.firstToken; // beyond p.tokens where it is below firstToken
    if (row < p.tokens) {
      sum += dweight::load(row * p.c4 + column);
      dweight::store(row * p.c4 + column, sum);
      overflowed = dweight::overflows(sum) || overflowed;
    }
  }
  reportOverflow(overflowed, p.site);
}
