// matrix_tiles: moves tiles of both operands from their tensors to shared memory, where k runs along the rows however the operands are stored.
// shapes:  tile of a (TILE_M, TILE_K), tile of b (TILE_N, TILE_K), rows STRIDE apart; TILE_K / 4 divides INVOCATIONS
// numerics: as the operands' formats decode them, rounded to Component, which holds them exactly; zero beyond the end of the sum
// dispatch: none (library); called by whole workgroups of INVOCATIONS lanes
// source:  prefetch and packed stores as in matrix kernels of GPU libraries (idea)
import package::lib::matmul_epilogue::shape;
import package::lib::subgroup_matrix::{Component, tileA, tileB};
import constants::{STRIDE, SUBGROUP, SUBGROUPS, TILE_K, TILE_M, TILE_N};

const INVOCATIONS = SUBGROUP * SUBGROUPS;
// Lanes side by side along k, each with four steps of it, and how many rows (or four rows, where k runs across an operand's rows) they reach.
const LANES_K = TILE_K / 4u;
const REACH = INVOCATIONS / LANES_K;
@if(!aTransposed) const GROUPS_A = u32(TILE_M);
@if(aTransposed) const GROUPS_A = TILE_M / 4u;
@if(!bTransposed) const GROUPS_B = TILE_N / 4u;
@if(bTransposed) const GROUPS_B = u32(TILE_N);
const TURNS_A = (GROUPS_A + REACH - 1u) / REACH;
const TURNS_B = (GROUPS_B + REACH - 1u) / REACH;
// Lanes that have a part of the tile.
const LANES_A = LANES_K * min(REACH, GROUPS_A);
const LANES_B = LANES_K * min(REACH, GROUPS_B);
@if(!aTransposed) const VECTORS_A = TURNS_A;
@if(aTransposed) const VECTORS_A = 4u * TURNS_A;
@if(!bTransposed) const VECTORS_B = 4u * TURNS_B;
@if(bTransposed) const VECTORS_B = TURNS_B;

// Vectors stay as they are stored until they are needed, or where blocks have scales as they are once scaled.
@if(!aBlocks) alias VectorA = a::Elem4;
@if(aBlocks) alias VectorA = vec4f;
@if(!bBlocks) alias VectorB = b::Elem4;
@if(bBlocks) alias VectorB = vec4f;
alias LoadedA = array<VectorA, VECTORS_A>;
alias LoadedB = array<VectorB, VECTORS_B>;

fn vectorA(i: u32) -> VectorA {
  @if(!aBlocks) return a::codes(i);
  @if(aBlocks) return a::load(i);
}

fn vectorB(i: u32) -> VectorB {
  @if(!bBlocks) return b::codes(i);
  @if(bBlocks) return b::load(i);
}

// Where a lane's part of the first tile begins in the tensor, in vectors, and how far it is from tile to tile along k.
fn placeA(local: u32, row0: u32, k0: u32) -> u32 {
  @if(!aTransposed) return (row0 + local / LANES_K) * (shape.k / 4u) + k0 / 4u + local % LANES_K;
  @if(aTransposed) return (k0 + 4u * (local % LANES_K)) * (shape.m / 4u) + row0 / 4u + local / LANES_K;
}

fn advanceA() -> u32 {
  @if(!aTransposed) return TILE_K / 4u;
  @if(aTransposed) return TILE_K * (shape.m / 4u);
}

fn placeB(local: u32, column0: u32, k0: u32) -> u32 {
  @if(!bTransposed) return (k0 + 4u * (local % LANES_K)) * shape.n4 + column0 / 4u + local / LANES_K;
  @if(bTransposed) return (column0 + local / LANES_K) * (shape.k / 4u) + k0 / 4u + local % LANES_K;
}

fn advanceB() -> u32 {
  @if(!bTransposed) return TILE_K * shape.n4;
  @if(bTransposed) return TILE_K / 4u;
}

// A lane's part of a tile of a, as it is stored in the tensor: nothing waits for it here. What lies beyond the last row
// reaches no result that is stored, and what lies beyond the last step is zeroed by storeA.
fn loadA(local: u32, place: u32) -> LoadedA {
  var loaded: LoadedA;
  for (var turn = 0u; turn < TURNS_A; turn++) {
    if (GROUPS_A % REACH != 0u && local / LANES_K + turn * REACH >= GROUPS_A) {
      break;
    }
    @if(!aTransposed) loaded[turn] = vectorA(place + turn * (REACH * (shape.k / 4u)));
    @if(aTransposed) {
      for (var i = 0u; i < 4u; i++) {
        loaded[4u * turn + i] = vectorA(place + turn * REACH + i * (shape.m / 4u));
      }
    }
  }
  return loaded;
}

fn loadB(local: u32, place: u32) -> LoadedB {
  var loaded: LoadedB;
  for (var turn = 0u; turn < TURNS_B; turn++) {
    if (GROUPS_B % REACH != 0u && local / LANES_K + turn * REACH >= GROUPS_B) {
      break;
    }
    @if(!bTransposed) {
      for (var i = 0u; i < 4u; i++) {
        loaded[4u * turn + i] = vectorB(place + turn * REACH + i * shape.n4);
      }
    }
    @if(bTransposed) loaded[turn] = vectorB(place + turn * (REACH * (shape.k / 4u)));
  }
  return loaded;
}

fn valuesA(vector: VectorA, inside: bool) -> vec4<Component> {
  let v = select(VectorA(), vector, inside);
  @if(!aBlocks) return vec4<Component>(a::decode(v));
  @if(aBlocks) return vec4<Component>(v);
}

fn valuesB(vector: VectorB, inside: bool) -> vec4<Component> {
  let v = select(VectorB(), vector, inside);
  @if(!bBlocks) return vec4<Component>(b::decode(v));
  @if(bBlocks) return vec4<Component>(v);
}

// Stores what loadA loaded, of which `left` steps of k are left in the sum: at least TILE_K where the tile is whole.
// The remainder shows compilers the range of a place: they then store four numbers at once, without checking where.
fn storeA(loaded: LoadedA, localIndex: u32, whole: bool, left: u32) {
  let local = localIndex % LANES_A;
  let step = 4u * (local % LANES_K);
  for (var turn = 0u; turn < TURNS_A; turn++) {
    if (GROUPS_A % REACH != 0u && localIndex / LANES_K + turn * REACH >= GROUPS_A) {
      break;
    }
    let group = local / LANES_K + turn * REACH;
    @if(!aTransposed) {
      let v = valuesA(loaded[turn], whole || step < left);
      let at = group * STRIDE + step;
      tileA[at] = v.x;
      tileA[at + 1u] = v.y;
      tileA[at + 2u] = v.z;
      tileA[at + 3u] = v.w;
    }
    @if(aTransposed) {
      let x = valuesA(loaded[4u * turn], whole || step < left);
      let y = valuesA(loaded[4u * turn + 1u], whole || step + 1u < left);
      let z = valuesA(loaded[4u * turn + 2u], whole || step + 2u < left);
      let w = valuesA(loaded[4u * turn + 3u], whole || step + 3u < left);
      for (var i = 0u; i < 4u; i++) {
        let at = (4u * group + i) * STRIDE + step;
        tileA[at] = x[i];
        tileA[at + 1u] = y[i];
        tileA[at + 2u] = z[i];
        tileA[at + 3u] = w[i];
      }
    }
  }
}

fn storeB(loaded: LoadedB, localIndex: u32, whole: bool, left: u32) {
  let local = localIndex % LANES_B;
  let step = 4u * (local % LANES_K);
  for (var turn = 0u; turn < TURNS_B; turn++) {
    if (GROUPS_B % REACH != 0u && localIndex / LANES_K + turn * REACH >= GROUPS_B) {
      break;
    }
    let group = local / LANES_K + turn * REACH;
    @if(!bTransposed) {
      let x = valuesB(loaded[4u * turn], whole || step < left);
      let y = valuesB(loaded[4u * turn + 1u], whole || step + 1u < left);
      let z = valuesB(loaded[4u * turn + 2u], whole || step + 2u < left);
      let w = valuesB(loaded[4u * turn + 3u], whole || step + 3u < left);
      for (var i = 0u; i < 4u; i++) {
        let at = (4u * group + i) * STRIDE + step;
        tileB[at] = x[i];
        tileB[at + 1u] = y[i];
        tileB[at + 2u] = z[i];
        tileB[at + 3u] = w[i];
      }
    }
    @if(bTransposed) {
      let v = valuesB(loaded[turn], whole || step < left);
      let at = group * STRIDE + step;
      tileB[at] = v.x;
      tileB[at + 1u] = v.y;
      tileB[at + 2u] = v.z;
      tileB[at + 3u] = v.w;
    }
  }
}
