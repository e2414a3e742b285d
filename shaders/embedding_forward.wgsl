// embedding_forward: out = token embedding + position embedding, if there is one; with `dropout` a share of its elements is zero.
// shapes:  tokens (B*T) u32; tokenWeight (tokenRows, C), the rows from firstToken on; positionWeight (T, C); out (B*T, C); with `placed` position (1) u32, the place of the first row in its window
// numerics: sum in f32
// dispatch: one lane per vector of out, linear grid; one dispatch per slice of the vocabulary, which stores the rows of its tokens
// source:  GPT-2; reference/embedding.ts (oracle)
@if(dropout) import package::lib::dropout::{Dropout, keptFactors};
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;

struct Params {
  vectors: u32,  // B * T * C / 4
  c4: u32,
  context: u32,
  firstToken: u32,
  tokenRows: u32,
  site: u32,
  @if(dropout) stream: u32, // as in lib/dropout.wgsl
  @if(dropout) dropped: u32,
  @if(dropout) keptScale: f32,
}

@group(0) @binding(0) var<storage, read> tokens: array<u32>;
@if(placed) @group(0) @binding(1) var<storage, read> position: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn embedding_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let row = i / p.c4;
  let column = i % p.c4;
  let token = tokens[row] - p.firstToken; // wraps to a value above tokenRows for tokens below firstToken
  if (token >= p.tokenRows) {
    return;
  }
  @if(positions && !placed) let place = row % p.context;
  @if(positions && placed) let place = position[0] + row;
  @if(positions) var value = tokenWeight::load(token * p.c4 + column)
    + positionWeight::load(place * p.c4 + column);
  @if(!positions) var value = tokenWeight::load(token * p.c4 + column);
  @if(dropout) {
    value *= keptFactors(row, column, Dropout(p.c4, p.context, p.stream, p.dropped, p.keptScale));
  }
  out::store(i, value);
  reportOverflow(out::overflows(value), p.site);
}
