// outer: as elements.wgsl, for an operand whose scales are constant along what a kernel sums: load gives the codes' values, and the kernel multiplies its sums by inverse(k) or inverses(k).
// shapes:  those of scaled.wgsl, which stands before it
// numerics: those of the format's decode
// dispatch: none (a slot of a kernel, see scaled.wgsl)
// source:  own

fn load(i: u32) -> vec4f {
  return decode(codes(i));
}

// load(i) in two halves, as in elements.wgsl.
alias Fetched = u32;

fn fetch(i: u32) -> Fetched {
  return codes(i);
}

fn widen(fetched: Fetched, isInside: bool) -> vec4f {
  return decode(select(0u, fetched, isInside));
}
