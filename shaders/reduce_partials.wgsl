// reduce_partials: out += sum over blocks of partials; with `pair` bias += that of the blocks behind them.
// shapes:  partials (blocks, C) f32, with `pair` (2, blocks, C); out, bias (C)
// numerics: f32 sum in the order of the blocks, which is then added to out
// dispatch: x over C / 4 / 64, with `pair` y over out and bias
// source:  second stage of column_sum, layernorm_backward_parameters and split matmuls; reference/matmul.ts (oracle)
import package::lib::found::reportOverflow;

struct Params {
  blocks: u32,
  c4: u32,
  first: u32,   // vector of partials at which the blocks begin
  site: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn reduce_partials(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * 64u + local;
  if (column >= p.c4) {
    return;
  }
  @if(pair) let first = p.first + group.y * p.blocks * p.c4;
  @if(!pair) let first = p.first;
  var sum = vec4f();
  for (var block = 0u; block < p.blocks; block++) {
    sum += partials[first + block * p.c4 + column];
  }
  @if(pair) {
    if (group.y == 1u) {
      sum += bias::load(column);
      bias::store(column, sum);
      reportOverflow(bias::overflows(sum), p.site);
      return;
    }
  }
  sum += out::load(column);
  out::store(column, sum);
  reportOverflow(out::overflows(sum), p.site);
}
