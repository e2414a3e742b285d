// found: the found-inf flag of a step.
// shapes:  one u32, the smallest dispatch site that met a value its format cannot hold
// numerics: callers test f32 accumulators before narrowing, by their bits (formats' `overflows`)
// dispatch: none (library); one atomic a lane, only where something overflowed
// source:  GradScaler's found_inf (PyTorch), extended to name the first tensor

@group(0) @binding(15) var<storage, read_write> found: atomic<u32>;

fn reportOverflow(overflowed: bool, site: u32) {
  if (overflowed) {
    atomicMin(&found, site);
  }
}
