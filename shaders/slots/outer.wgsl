// outer: as elements.wgsl, for an operand whose scales are constant along what a kernel sums: load gives the codes' values, and the kernel multiplies its sums by inverse(k) or inverses(k).
// shapes:  those of scaled.wgsl, which stands before it
// numerics: those of the format's decode
// dispatch: none (a slot of a kernel, see scaled.wgsl)
// source:  own

fn load(i: u32) -> vec4f {
  return decode(codes(i));
}
