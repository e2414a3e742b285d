// blocks: as elements.wgsl, for an operand whose blocks of BLOCK4 vectors have a scale each: inp::load(i) applies it.
// shapes:  those of scaled.wgsl, which stands before it
// numerics: those of the format's decode, and one product
// dispatch: none (a slot of a kernel, see scaled.wgsl)
// source:  own

// What vector i was multiplied by before it was stored.
fn scale(i: u32) -> vec4f {
  return scaleOf(vec4f(inverse(i / BLOCK4)));
}

fn load(i: u32) -> vec4f {
  return decode(codes(i)) * inverse(i / BLOCK4);
}

// load(i) in two halves, widen(fetch(i), true), for kernels that load long before they use. What is not inside counts as zero.
struct Fetched {
  codes: u32,
  inverse: f32,
}

fn fetch(i: u32) -> Fetched {
  return Fetched(codes(i), inverse(i / BLOCK4));
}

fn widen(fetched: Fetched, isInside: bool) -> vec4f {
  return decode(select(0u, fetched.codes, isInside)) * fetched.inverse;
}
