// matmul_operands: the two inputs of a matmul, a vector at a time as they are stored.
// shapes:  a (M, K), or (K, M) with aTransposed; b (K, N), or (N, K) with bTransposed; K, N (and M if aTransposed) multiples of 4
// numerics: widened to f32; beyond the end of the sum they are zero, beyond the other dimension the last row or vector again
// dispatch: none (library)
// source:  own
import package::lib::matmul_epilogue::shape;

// a[m, 4 k4 .. + 4]
@if(!aTransposed)
fn vectorA(m: u32, k4: u32) -> vec4f {
  let width = shape.k / 4u;
  return select(vec4f(), a::load(min(m, shape.m - 1u) * width + min(k4, width - 1u)), k4 < width);
}

// a[k, 4 m4 .. + 4]
@if(aTransposed)
fn vectorA(k: u32, m4: u32) -> vec4f {
  let width = shape.m / 4u;
  return select(vec4f(), a::load(min(k, shape.k - 1u) * width + min(m4, width - 1u)), k < shape.k);
}

// b[k, 4 n4 .. + 4]
@if(!bTransposed)
fn vectorB(k: u32, n4: u32) -> vec4f {
  return select(vec4f(), b::load(min(k, shape.k - 1u) * shape.n4 + min(n4, shape.n4 - 1u)), k < shape.k);
}

// b[n, 4 k4 .. + 4]
@if(bTransposed)
fn vectorB(n: u32, k4: u32) -> vec4f {
  let width = shape.k / 4u;
  return select(vec4f(), b::load(min(n, 4u * shape.n4 - 1u) * width + min(k4, width - 1u)), k4 < width);
}
