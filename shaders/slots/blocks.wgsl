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
