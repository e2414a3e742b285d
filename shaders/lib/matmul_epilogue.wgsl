// matmul_epilogue: what every matmul kernel does with four finished columns of one row.
// shapes:  acc is out[row, 4 * column4 .. + 4]; bias (N), residual, preActivation and out (M, N); with `split` out is (parts, M, N), a part of the sum each; with `dropout` the rows are those of windows; with `gated` acc is the gradient of a gated MLP's product, and preActivation and out are (M, 2 N): gate, then up
// numerics: f32 until the store; with `outerA` and `outerB` the sum of products is first multiplied by the inverses of a's scale of the row and of b's scales of the columns, with `scaled` by those of the scales of both tensors; the activation function sees the pre-activation as stored, so that recomputing it gives the same bits
// dispatch: none (library)
// source:  fused epilogues of llm.c (idea)
@if(dropout) import package::lib::dropout::{Dropout, keptFactors};
@if(probe) import package::lib::exponents::countExponents;
@if(activation || gated) import activation_function::activation;
@if(activationBackward) import activation_function::activationDerivative;
@if(softCap) import package::lib::soft_cap::softCap;
@if(scaled) import package::lib::tensor_scale::TensorScale;

struct MatmulShape {
  m: u32,    // rows of out
  n4: u32,   // columns of out / 4
  k: u32,    // length of the sum
  site: u32,
  @if(softCap) cap: f32,
  @if(weighted) ofProduct: f32, // factors of the product and of the residual
  @if(weighted) ofResidual: f32,
  @if(split) step: u32, // length of a part of the sum, a multiple of 64; the last may be shorter
  @if(scaled) scaleA: u32, // records of the operands' scales, and of preActivation's
  @if(scaled) scaleB: u32,
  @if(scaled) scalePre: u32,
  @if(dropout) context: u32, // as in lib/dropout.wgsl
  @if(dropout) stream: u32,
  @if(dropout) dropped: u32,
  @if(dropout) keptScale: f32,
}

@group(1) @binding(0) var<uniform> shape: MatmulShape;
@if(scaled) @group(0) @binding(6) var<storage, read> scales: array<TensorScale>;

// The steps of k that a workgroup sums: all of them, or those of its part.
fn firstStep(part: u32) -> u32 {
  @if(split) return part * shape.step;
  @if(!split) return 0u;
}

fn endStep(part: u32) -> u32 {
  @if(split) return min((part + 1u) * shape.step, shape.k);
  @if(!split) return shape.k;
}

// Stores one vector of the result; returns whether it overflowed its format.
fn finish(part: u32, row: u32, column4: u32, acc: vec4f) -> bool {
  var value = acc;
  var overflowed = false;
  @if(!split && !gated) let at = row * shape.n4 + column4;
  @if(gated) let at = row * 2u * shape.n4 + column4;
  @if(split) let at = (part * shape.m + row) * shape.n4 + column4;
  @if(outerA) {
    value *= a::inverse(row);
  }
  @if(outerB) {
    value *= b::inverses(column4);
  }
  @if(scaled) {
    value *= scales[shape.scaleA].inverse * scales[shape.scaleB].inverse;
  }
  @if(weighted) {
    value *= shape.ofProduct;
  }
  @if(bias) {
    value += bias::load(column4);
  }
  @if(softCap) {
    value = softCap(value, shape.cap);
  }
  @if(activation) {
    overflowed = preActivation::overflows(value);
    value = activation(preActivation::store(at, value));
  }
  @if(activationBackward) {
    let stored = preActivation::load(at);
    @if(!scaled) let x = stored;
    @if(scaled) let x = stored * scales[shape.scalePre].inverse;
    @if(gated) {
      let storedUp = preActivation::load(at + shape.n4);
      @if(!scaled) let up = storedUp;
      @if(scaled) let up = storedUp * scales[shape.scalePre].inverse;
      let gradientOfUp = value * activation(x);
      @if(probe) countExponents(gradientOfUp);
      out::store(at + shape.n4, gradientOfUp);
      overflowed = out::overflows(gradientOfUp);
      value *= up;
    }
    value *= activationDerivative(x);
  }
  @if(dropout) {
    value *= keptFactors(row, column4, Dropout(shape.n4, shape.context, shape.stream, shape.dropped, shape.keptScale));
  }
  @if(residual && !weighted) {
    value += residual::load(at);
  }
  @if(residual && weighted) {
    value = fma(vec4f(shape.ofResidual), residual::load(at), value);
  }
  @if(accumulate) {
    value += out::load(at);
  }
  @if(probe) countExponents(value);
  out::store(at, value);
  return overflowed || out::overflows(value);
}
