// elements: how kernels read and write an operand whose format stores four elements as whole words: inp::load(i), out::store(i, v).
// shapes:  SLOT holds vectors of four elements, each an Elem4 of the format; i is a vector's index
// numerics: those of the format's decode and encode
// dispatch: none (a slot of a kernel: gpu/slots.ts puts its name for SLOT, a number for BINDING, and the format's prelude before it)
// source:  own

@group(0) @binding(BINDING) var<storage, read_write> SLOT: array<Elem4>;

// Four elements as they are stored, for kernels that need more than their values.
fn codes(i: u32) -> Elem4 {
  return SLOT[i];
}

fn storeCodes(i: u32, four: Elem4) {
  SLOT[i] = four;
}

// What vector i was multiplied by before it was stored.
fn scale(i: u32) -> vec4f {
  return vec4f(1.0);
}

// load(i) in two halves, widen(fetch(i), true), for kernels that load long before they use. What is not inside counts as zero.
alias Fetched = Elem4;

fn fetch(i: u32) -> Fetched {
  return codes(i);
}

fn widen(fetched: Fetched, isInside: bool) -> vec4f {
  return decode(select(Elem4(), fetched, isInside));
}

fn load(i: u32) -> vec4f {
  return decode(codes(i));
}

// Returns what load(i) then gives: the values as they are stored.
fn store(i: u32, v: vec4f) -> vec4f {
  let four = encode(v);
  storeCodes(i, four);
  return decode(four);
}
