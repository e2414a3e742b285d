// logit_rows: where the logits of a row lie, in slices of the vocabulary one after the other.
// shapes:  logits (rows, Vp) as slices of (rows, up to 4 slice4)
// numerics: exact
// dispatch: none (library)
// source:  none

// What takes the place of a padded column where the largest logit is looked for.
const LOWEST = -3.0e38;

// The four columns of vector `i` of a row.
fn columns(i: u32) -> vec4u {
  return vec4u(i * 4u) + vec4u(0u, 1u, 2u, 3u);
}

// Where vector 0 of the row would be if the slice that begins with vector `first` went on to the left.
fn rowOrigin(row: u32, first: u32, rows: u32, slice4: u32, v4: u32) -> u32 {
  return first * rows + row * min(slice4, v4 - first) - first;
}

fn max4(v: vec4f) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}
