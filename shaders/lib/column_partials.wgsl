// column_partials: joins what column_amax finds of a column in blocks of rows.
// shapes:  partials (blocks, C) f32 bits of largest magnitudes
// numerics: magnitudes are compared by their bits, so that infinity is above all numbers and NaN above infinity
// dispatch: none (library)
// source:  own

@group(0) @binding(1) var<storage, read> partials: array<vec4u>;

// Of four columns.
fn largestOfColumns(column4: u32, c4: u32, blocks: u32) -> vec4u {
  var largest = vec4u();
  for (var block = 0u; block < blocks; block++) {
    largest = max(largest, partials[block * c4 + column4]);
  }
  return largest;
}
