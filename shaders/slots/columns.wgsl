// columns: as elements.wgsl, for an operand whose columns, four in each of COLUMNS4 vectors, have a scale each: inp::load(i) applies it.
// shapes:  those of scaled.wgsl, which stands before it
// numerics: those of the format's decode, and one product
// dispatch: none (a slot of a kernel, see scaled.wgsl)
// source:  own

// What vector i was multiplied by before it was stored.
fn scale(i: u32) -> vec4f {
  return scaleOf(inverses(i % COLUMNS4));
}

fn load(i: u32) -> vec4f {
  return decode(codes(i)) * inverses(i % COLUMNS4);
}
