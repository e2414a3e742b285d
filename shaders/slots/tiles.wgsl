// tiles: as elements.wgsl, for a matrix whose tiles have a scale each: inp::load(i) applies it.
// shapes:  those of scaled.wgsl, which stands before it; rows of WIDTH4 vectors; tiles of TILE_ROWS rows by TILE4 vectors, TILES in a row of them, or of TILE_ROWS rows of one column each (IS_COLUMN); the last of a row or a column may be smaller
// numerics: those of the format's decode, and one product
// dispatch: none (a slot of a kernel, see scaled.wgsl)
// source:  own

// What the four elements of vector i are multiplied by.
fn inversesAt(i: u32) -> vec4f {
  let row = i / WIDTH4 / TILE_ROWS;
  let column = i % WIDTH4;
  if (IS_COLUMN) {
    return inverses(row * WIDTH4 + column);
  }
  return vec4f(inverse(row * TILES + column / TILE4));
}

// What vector i was multiplied by before it was stored.
fn scale(i: u32) -> vec4f {
  return scaleOf(inversesAt(i));
}

fn load(i: u32) -> vec4f {
  return decode(codes(i)) * inversesAt(i);
}

// load(i) in two halves, as in blocks.wgsl.
struct Fetched {
  codes: u32,
  inverses: vec4f,
}

fn fetch(i: u32) -> Fetched {
  return Fetched(codes(i), inversesAt(i));
}

fn widen(fetched: Fetched, isInside: bool) -> vec4f {
  return select(vec4f(), decode(fetched.codes) * fetched.inverses, isInside);
}
