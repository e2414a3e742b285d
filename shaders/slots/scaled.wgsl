// scaled: what the slots of operands have in common whose blocks or columns have a scale each, which lies behind their elements.
// shapes:  SLOT holds words: first the codes, a vector in VECTOR_BITS bits; from the last word backwards the scales, a word or a byte each
// numerics: scales are kept inverted: as an f32 (SCALE_KIND 0), as the exponent field of a power of two (1, the E8M0 of OCP's microscaling formats) or in E4M3 (2). Powers of two neither round what they scale nor their inverses
// dispatch: none (the first part of a slot's module: gpu/slots.ts puts the slot's name for SLOT, a number for BINDING, and the constants and the format's prelude before it)
// source:  own

@group(0) @binding(BINDING) var<storage, read_write> SLOT: array<u32>;

// The place of the first scale; those that follow lie before it.
fn lastWord() -> u32 {
  return arrayLength(&SLOT) - 1u;
}

// What load multiplies values under scale k by.
fn inverse(k: u32) -> f32 {
  if (SCALE_KIND == 0u) {
    return bitcast<f32>(SLOT[lastWord() - k]);
  }
  let byte = (SLOT[lastWord() - k / 4u] >> (8u * (k % 4u))) & 0xffu;
  if (SCALE_KIND == 1u) {
    return bitcast<f32>(byte << 23u);
  }
  return package::lib::scale_kinds::e4m3Values(vec4u(byte)).x;
}

// The same for scales 4 k to 4 k + 3.
fn inverses(k: u32) -> vec4f {
  if (SCALE_KIND == 0u) {
    let last = lastWord() - 4u * k;
    return bitcast<vec4f>(vec4u(SLOT[last], SLOT[last - 1u], SLOT[last - 2u], SLOT[last - 3u]));
  }
  let bytes = (vec4u(SLOT[lastWord() - k]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(0xffu);
  if (SCALE_KIND == 1u) {
    return bitcast<vec4f>(bytes << vec4u(23u));
  }
  return package::lib::scale_kinds::e4m3Values(bytes);
}

// Inverses of scales 4 k to 4 k + 3, which have been rounded to their kind.
fn storeInverses(k: u32, inverses: vec4f) {
  if (SCALE_KIND == 0u) {
    let words = bitcast<vec4u>(inverses);
    let last = lastWord() - 4u * k;
    SLOT[last] = words.x;
    SLOT[last - 1u] = words.y;
    SLOT[last - 2u] = words.z;
    SLOT[last - 3u] = words.w;
    return;
  }
  var bytes = bitcast<vec4u>(inverses) >> vec4u(23u);
  if (SCALE_KIND == 2u) {
    bytes = package::lib::scale_kinds::e4m3Codes(inverses);
  }
  SLOT[lastWord() - k] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

// What was multiplied to values that are read with `inverse`: a power of two exactly, another number as division gives it.
fn scaleOf(inverse: vec4f) -> vec4f {
  if (IS_POWER) {
    return bitcast<vec4f>(vec4u(254u << 23u) - bitcast<vec4u>(inverse));
  }
  return select(vec4f(), 1.0 / inverse, inverse > vec4f());
}

// Four elements as they are stored: a word, or half of one.
fn codes(i: u32) -> u32 {
  if (VECTOR_BITS == 16u) {
    return (SLOT[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
  }
  return SLOT[i];
}

// For formats whose four elements are a word.
fn storeCodes(i: u32, four: u32) {
  SLOT[i] = four;
}
