// matmul_operands: the two inputs of a matmul, a vector at a time as they are stored.
// shapes:  a (M, K), or (K, M) with aTransposed; b (K, N), or (N, K) with bTransposed; K, N (and M if aTransposed) multiples of 4
// numerics: widened to f32; beyond the end of the sum they are zero, beyond the other dimension the last row or vector again
// dispatch: none (library)
// source:  own
import package::lib::matmul_epilogue::shape;

// Rows of a as it lies in memory, and vectors in one: (M, K / 4), or (K, M / 4) with aTransposed.
fn rowsA() -> u32 {
  @if(!aTransposed) return shape.m;
  @if(aTransposed) return shape.k;
}

fn widthA() -> u32 {
  @if(!aTransposed) return shape.k / 4u;
  @if(aTransposed) return shape.m / 4u;
}

// As those of a: (K, N / 4), or (N, K / 4) with bTransposed.
fn rowsB() -> u32 {
  @if(!bTransposed) return shape.k;
  @if(bTransposed) return 4u * shape.n4;
}

fn widthB() -> u32 {
  @if(!bTransposed) return shape.n4;
  @if(bTransposed) return shape.k / 4u;
}

// The vector of a in memory order, loaded and not yet widened: what arrives late can be waited for where it is used.
fn fetchA(row: u32, column4: u32) -> a::Fetched {
  return a::fetch(min(row, rowsA() - 1u) * widthA() + min(column4, widthA() - 1u));
}

fn fetchB(row: u32, column4: u32) -> b::Fetched {
  return b::fetch(min(row, rowsB() - 1u) * widthB() + min(column4, widthB() - 1u));
}

// What was fetched at (row, column4); zero beyond the end of the sum.
fn widenA(fetched: a::Fetched, row: u32, column4: u32) -> vec4f {
  @if(!aTransposed) let isInside = column4 < shape.k / 4u;
  @if(aTransposed) let isInside = row < shape.k;
  return a::widen(fetched, isInside);
}

fn widenB(fetched: b::Fetched, row: u32, column4: u32) -> vec4f {
  @if(!bTransposed) let isInside = row < shape.k;
  @if(bTransposed) let isInside = column4 < shape.k / 4u;
  return b::widen(fetched, isInside);
}

// a[m, 4 k4 .. + 4], or a[k, 4 m4 .. + 4] with aTransposed
fn vectorA(row: u32, column4: u32) -> vec4f {
  return widenA(fetchA(row, column4), row, column4);
}

// b[k, 4 n4 .. + 4], or b[n, 4 k4 .. + 4] with bTransposed
fn vectorB(row: u32, column4: u32) -> vec4f {
  return widenB(fetchB(row, column4), row, column4);
}
