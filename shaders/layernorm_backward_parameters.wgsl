// layernorm_backward_parameters: partial sums over rows of dweight = dout * normalised and dbias = dout.
// shapes:  inp, dout (rows, C); stats (rows) as (mean, rstd) f32; partials (2, blocks, C) f32: dweight, then dbias; without bias (1, blocks, C)
// numerics: f32 sums in the order of the rows
// dispatch: x over C / 4 / 64, y over blocks of rows; reduce_partials finishes
// source:  layernorm_backward of llm.c, in two dispatches since WGSL has no float atomics; reference/layernorm.ts (oracle)

struct Params {
  rows: u32,
  c4: u32,
  rowsPerBlock: u32,
  @if(bias) blocks: u32,
}

@group(0) @binding(2) var<storage, read> stats: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn layernorm_backward_parameters(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * 64u + local;
  if (column >= p.c4) {
    return;
  }
  var dweight = vec4f();
  @if(bias) var dbias = vec4f();
  let first = group.y * p.rowsPerBlock;
  let end = min(first + p.rowsPerBlock, p.rows);
  for (var row = first; row < end; row++) {
    let at = row * p.c4 + column;
    let d = dout::load(at);
    let s = stats[row];
    dweight = fma(d, (inp::load(at) - s.x) * s.y, dweight);
    @if(bias) dbias += d;
  }
  partials[group.y * p.c4 + column] = dweight;
  @if(bias) partials[(p.blocks + group.y) * p.c4 + column] = dbias;
}
