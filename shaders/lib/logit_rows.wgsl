// logit_rows: addresses of the logits of a row, which are stored in consecutive slices of the vocabulary.
// shapes:  logits (rows, Vp) as consecutive matrices (rows, up to 4 slice4)
// numerics: exact
// dispatch: none (library)
// source:  none

// Replaces padded columns in the search for the largest logit.
const LOWEST = -3.0e38;

// The four columns of vector `i` of a row.
fn columns(i: u32) -> vec4u {
  return vec4u(i * 4u) + vec4u(0u, 1u, 2u, 3u);
}

// Offset such that vector i of a row, in the slice that begins with vector `first`, is at rowOrigin + i. It wraps below zero.
fn rowOrigin(row: u32, first: u32, rows: u32, slice4: u32, v4: u32) -> u32 {
  return first * rows + row * min(slice4, v4 - first) - first;
}

fn max4(v: vec4f) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}
