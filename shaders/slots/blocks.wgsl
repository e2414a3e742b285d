// blocks: as elements.wgsl, for an operand whose blocks of BLOCK4 vectors have a scale each, which lies behind its elements: inp::load(i) applies it.
// shapes:  SLOT holds words: first the codes, a vector in VECTOR_BITS bits; from the last word backwards the scales, a word or a byte each
// numerics: scales are powers of two, kept inverted: as an f32 (SCALE_BITS 32), or as its exponent field alone (SCALE_BITS 8, the E8M0 of OCP's microscaling formats), so that neither scaling nor its inverse rounds
// dispatch: none (a slot of a kernel: gpu/slots.ts puts its name for SLOT, a number for BINDING, and the constants and the format's prelude before it)
// source:  own

@group(0) @binding(BINDING) var<storage, read_write> SLOT: array<u32>;

// The place of the first scale; those that follow lie before it.
fn lastWord() -> u32 {
  return arrayLength(&SLOT) - 1u;
}

// Exponent field of the inverse of the scale of vector i, from 1 to 253.
fn inverseExponent(i: u32) -> u32 {
  let block = i / BLOCK4;
  if (SCALE_BITS == 8u) {
    return (SLOT[lastWord() - block / 4u] >> (8u * (block % 4u))) & 0xffu;
  }
  return SLOT[lastWord() - block] >> 23u;
}

// What vector i was multiplied by before it was stored.
fn scale(i: u32) -> f32 {
  return bitcast<f32>((254u - inverseExponent(i)) << 23u);
}

// Four elements as they are stored: a word, or half of one.
fn codes(i: u32) -> u32 {
  if (VECTOR_BITS == 16u) {
    return (SLOT[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
  }
  return SLOT[i];
}

fn load(i: u32) -> vec4f {
  return decode(codes(i)) * bitcast<f32>(inverseExponent(i) << 23u);
}

// load(i) in two halves, widen(fetch(i), true), for kernels that load long before they use. What is not inside counts as zero.
struct Fetched {
  codes: u32,
  inverseExponent: u32,
}

fn fetch(i: u32) -> Fetched {
  return Fetched(codes(i), inverseExponent(i));
}

fn widen(fetched: Fetched, isInside: bool) -> vec4f {
  return decode(select(0u, fetched.codes, isInside)) * bitcast<f32>(fetched.inverseExponent << 23u);
}

// For formats whose four elements are a word.
fn storeCodes(i: u32, four: u32) {
  SLOT[i] = four;
}

// The exponents of the scales of blocks 4 k to 4 k + 3: 2^exponent is what they were multiplied by.
fn storeScales(k: u32, exponents: vec4i) {
  let inverse = vec4u(vec4i(127) - exponents);
  if (SCALE_BITS == 8u) {
    SLOT[lastWord() - k] = inverse.x | (inverse.y << 8u) | (inverse.z << 16u) | (inverse.w << 24u);
    return;
  }
  let last = lastWord() - 4u * k;
  SLOT[last] = inverse.x << 23u;
  SLOT[last - 1u] = inverse.y << 23u;
  SLOT[last - 2u] = inverse.z << 23u;
  SLOT[last - 3u] = inverse.w << 23u;
}
