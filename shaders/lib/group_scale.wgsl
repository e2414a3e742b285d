// group_scale: what tensors are multiplied by that were stored with a scale for each 16 consecutive elements.
// shapes:  groupScales holds four groups a word, a byte each: the exponent field of the f32 that is the group's inverse scale, from 1 to 253
// numerics: powers of two, so that neither scaling nor its inverse rounds
// dispatch: none (library); without `grouped` values are as they were stored
// source:  the E8M0 scales of OCP's microscaling formats, for the 1x16 groups of COAT (arXiv 2410.19313); shaders/quantize_groups.wgsl writes them

@if(grouped) @group(0) @binding(13) var<storage, read> groupScales: array<u32>;

@if(grouped)
fn inverseExponent(i: u32) -> u32 {
  return (groupScales[i / 16u] >> (8u * ((i / 4u) % 4u))) & 0xffu;
}

// Vector i of its tensor, decoded, as it was before it was stored.
@if(grouped)
fn ungrouped(four: vec4f, i: u32) -> vec4f {
  return four * bitcast<f32>(inverseExponent(i) << 23u);
}

@if(!grouped)
fn ungrouped(four: vec4f, i: u32) -> vec4f {
  return four;
}

// What vector i was multiplied by.
@if(grouped)
fn groupScale(i: u32) -> f32 {
  return bitcast<f32>((254u - inverseExponent(i)) << 23u);
}

@if(!grouped)
fn groupScale(i: u32) -> f32 {
  return 1.0;
}
