// matmul_columns: four steps of k of the second input of a matmul, at one vector of columns, for kernels that keep sums in registers.
// shapes:  b (K, N), or (N, K) with bTransposed; N, and K unless aTransposed, multiples of 4
// numerics: widened to f32; with aTransposed steps beyond the end of the sum repeat the last
// dispatch: none (library)
// source:  own
import package::lib::matmul_epilogue::shape;

// The rows of op(b) that belong to steps 4 k4 .. 4 k4 + 3.
@if(!bTransposed)
fn loadRows(k4: u32, column4: u32) -> array<vec4f, 4> {
  return array<vec4f, 4>(
    b::load(stepAt(4u * k4) * shape.n4 + column4),
    b::load(stepAt(4u * k4 + 1u) * shape.n4 + column4),
    b::load(stepAt(4u * k4 + 2u) * shape.n4 + column4),
    b::load(stepAt(4u * k4 + 3u) * shape.n4 + column4),
  );
}

@if(!bTransposed)
fn stepAt(k: u32) -> u32 {
  @if(!aTransposed) return k;
  @if(aTransposed) return min(k, shape.k - 1u);
}

@if(bTransposed)
fn loadRows(k4: u32, column4: u32) -> array<vec4f, 4> {
  let stride = shape.k / 4u;
  let at = column4 * 4u * stride + k4;
  let t0 = b::load(at);
  let t1 = b::load(at + stride);
  let t2 = b::load(at + 2u * stride);
  let t3 = b::load(at + 3u * stride);
  return array<vec4f, 4>(
    vec4f(t0.x, t1.x, t2.x, t3.x),
    vec4f(t0.y, t1.y, t2.y, t3.y),
    vec4f(t0.z, t1.z, t2.z, t3.z),
    vec4f(t0.w, t1.w, t2.w, t3.w),
  );
}
