// embedding_backward_position: dweight[t] += sum of dout over the batch.
// shapes:  dout (B, T, C); dweight (T, C)
// numerics: f32 sum in order of the batch
// dispatch: one lane a vector of dweight, linear grid
// source:  wpe_backward of llm.c (algorithm); reference/embedding.ts (oracle)
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;

struct Params {
  vectors: u32,  // T * C / 4
  batch: u32,
  site: u32,
}

@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn embedding_backward_position(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  var sum = dweight::load(i);
  for (var b = 0u; b < p.batch; b++) {
    sum += dout::load(b * p.vectors + i);
  }
  dweight::store(i, sum);
  reportOverflow(dweight::overflows(sum), p.site);
}
