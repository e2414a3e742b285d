// quantize_column_blocks: stores a matrix in a narrow format; each block of ROWS elements of a column is multiplied by its own scale.
// shapes:  inp (rows, C), out (rows, C), or with `transform` (rows rounded up to a multiple of 16, C), the scales behind the elements of out; with `scaled` also amax, scales (records)
// numerics: as quantize_blocks; with `transform` 16 rows are first mixed by a Hadamard matrix in f32, where rows beyond the last are zero
// dispatch: x over C / 4 / UNIT / LANES, y over blocks of rows
// source:  OCP's microscaling formats and NVFP4; reference/blockScales.ts (oracle)
import package::lib::block_scale::{blockInverse, tensorInverse};
@if(transform) import package::lib::hadamard::Rows;
@if(transform) import package::lib::rotated_rows::rotatedRows;
import package::lib::round::magnitudeBits;
@if(stochastic) import package::lib::stochastic::{roundingBits, RowRandom};
@if(scaled) import package::lib::tensor_scale::TensorScale;
import constants::{LANES, ROWS, UNIT};

struct Params {
  rows: u32,
  c4: u32,
  largest: u32,  // f32 bits of the largest value of the format of out
  @if(ruled) rounded: u32, // added to the bits of a magnitude, see block_scale
  @if(scaled) record: u32,
  @if(stochastic) context: u32, // as in lib/stochastic.wgsl
  @if(stochastic) windowCount: u32,
  @if(stochastic) stream: u32,
}

@if(scaled) @group(0) @binding(2) var<storage, read> amax: array<u32>;
@if(scaled) @group(0) @binding(3) var<storage, read_write> scales: array<TensorScale>;

@group(1) @binding(0) var<uniform> p: Params;

fn encoded(value: vec4f, at: u32) -> u32 {
  @if(!stochastic) return out::encode(value);
  @if(stochastic) return out::encodeStochastic(value, roundingBits(at, RowRandom(p.c4, p.context, p.windowCount, p.stream)));
}

fn inverseOf(amax: u32, ofTensor: f32) -> f32 {
  @if(ruled) return blockInverse(amax, p.largest, p.rounded, ofTensor);
  @if(!ruled) return blockInverse(amax, p.largest, ofTensor);
}

fn inversesOf(largest: vec4u, ofTensor: f32) -> vec4f {
  return vec4f(
    inverseOf(largest.x, ofTensor),
    inverseOf(largest.y, ofTensor),
    inverseOf(largest.z, ofTensor),
    inverseOf(largest.w, ofTensor),
  );
}

// The largest magnitudes of the rows from `first` up to `end` in the four columns of vector `column`.
@if(!transform)
fn largestOf(column: u32, first: u32, end: u32) -> vec4u {
  var largest = vec4u();
  for (var row = first; row < end; row++) {
    largest = max(largest, magnitudeBits(inp::load(row * p.c4 + column)));
  }
  return largest;
}

@if(transform)
fn largestOf(rows: ptr<function, Rows>) -> vec4u {
  var largest = vec4u();
  for (var i = 0u; i < ROWS; i++) {
    largest = max(largest, magnitudeBits((*rows)[i]));
  }
  return largest;
}

@compute @workgroup_size(LANES)
fn quantize_column_blocks(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  @if(scaled) let ofTensor = tensorInverse(amax[p.record], scales[p.record].largest);
  @if(!scaled) let ofTensor = 1.0;
  let column = (group.x * LANES + local) * UNIT;
  let block = group.y;
  @if(scaled) {
    if (column == 0u && block == 0u) {
      scales[p.record].scale = 1.0 / ofTensor;
      scales[p.record].inverse = ofTensor;
    }
  }
  if (column >= p.c4) {
    return;
  }
  let first = block * ROWS;
  @if(!transform) {
    let end = min(first + ROWS, p.rows);
    let inverses = inversesOf(largestOf(column, first, end), ofTensor);
    out::storeInverses(block * p.c4 + column, inverses);
    let scale = out::scaleOf(inverses * ofTensor);
    if (UNIT == 2u) {
      let second = inversesOf(largestOf(column + 1u, first, end), ofTensor);
      out::storeInverses(block * p.c4 + column + 1u, second);
      let secondScale = out::scaleOf(second * ofTensor);
      for (var row = first; row < end; row++) {
        let at = row * p.c4 + column;
        let high = encoded(inp::load(at + 1u) * secondScale, at + 1u);
        out::storeCodes(at / 2u, encoded(inp::load(at) * scale, at) | (high << 16u));
      }
    } else {
      for (var row = first; row < end; row++) {
        let at = row * p.c4 + column;
        out::storeCodes(at, encoded(inp::load(at) * scale, at));
      }
    }
  }
  @if(transform) {
    var rows = rotatedRows(first, column, p.rows, p.c4);
    let inverses = inversesOf(largestOf(&rows), ofTensor);
    out::storeInverses(block * p.c4 + column, inverses);
    let scale = out::scaleOf(inverses * ofTensor);
    if (UNIT == 2u) {
      var right = rotatedRows(first, column + 1u, p.rows, p.c4);
      let second = inversesOf(largestOf(&right), ofTensor);
      out::storeInverses(block * p.c4 + column + 1u, second);
      let secondScale = out::scaleOf(second * ofTensor);
      for (var i = 0u; i < ROWS; i++) {
        let at = (first + i) * p.c4 + column;
        let high = encoded(right[i] * secondScale, at + 1u);
        out::storeCodes(at / 2u, encoded(rows[i] * scale, at) | (high << 16u));
      }
    } else {
      for (var i = 0u; i < ROWS; i++) {
        let at = (first + i) * p.c4 + column;
        out::storeCodes(at, encoded(rows[i] * scale, at));
      }
    }
  }
}
