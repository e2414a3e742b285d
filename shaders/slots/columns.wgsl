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

// load(i) in two halves, as in blocks.wgsl.
struct Fetched {
  codes: u32,
  inverses: vec4f,
}

fn fetch(i: u32) -> Fetched {
  return Fetched(codes(i), inverses(i % COLUMNS4));
}

fn widen(fetched: Fetched, isInside: bool) -> vec4f {
  return decode(select(0u, fetched.codes, isInside)) * fetched.inverses;
}
