// block_scale: the scale of a block of out from its largest magnitude, for the kernels that quantise blocks.
// shapes:  the inverse of a scale, by which values that were multiplied by it are multiplied again
// numerics: integers only, apart from the quotient of two levels of scales, which is rounded to E4M3
// dispatch: none (library)
// source:  OCP's microscaling formats with the scale rules of torchao; NVFP4; reference/blockScales.ts (oracle)
import package::lib::scale_kinds::{e4m3Codes, e4m3Values, inverseFor};
import package::lib::tensor_scale::{isUsable, powerOfTwo, scaleExponent};

@if(ruled || scaled) const INFINITE = 0x7f800000u;

// The inverse of the tensor's scale: the largest of its blocks' is then the largest E4M3 number. Infinity or NaN makes all of the tensor NaN.
@if(scaled)
fn tensorInverse(amax: u32, largest: u32) -> f32 {
  return bitcast<f32>(select(bitcast<u32>(inverseFor(amax, largest)), 0x7fc00000u, amax >= INFINITE));
}

// @param rounded added to the bits of a magnitude before its exponent is taken: what rounds it up to the next exponent as the rule says
fn blockInverse(amax: u32, largest: u32, @if(ruled) rounded: u32, ofTensor: f32) -> f32 {
  @if(ruled) {
    let exponent = clamp(i32((amax + rounded) >> 23u) - i32(largest >> 23u), -126, 126);
    let bits = select(127u << 23u, u32(exponent + 127) << 23u, amax > 0u);
    return bitcast<f32>(select(bits, INFINITE, amax >= INFINITE));
  }
  @if(!ruled && !scaled) {
    if (out::IS_POWER) {
      return powerOfTwo(-select(0, scaleExponent(amax, largest, 0u), isUsable(amax)));
    }
    return inverseFor(amax, largest);
  }
  @if(!ruled && scaled) {
    return select(1.0, e4m3Values(e4m3Codes(vec4f(inverseFor(amax, largest) / ofTensor))).x, isUsable(amax));
  }
}
