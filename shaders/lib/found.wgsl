// found: the found-inf flag of a step.
// shapes:  one u32, the smallest site number of a dispatch that computed a value its format cannot represent
// numerics: callers test the bits of f32 accumulators before narrowing (`overflows` of the format)
// dispatch: none (library); one atomic per lane, only if something overflowed
// source:  GradScaler's found_inf (PyTorch), extended to name the first tensor

@group(0) @binding(15) var<storage, read_write> found: atomic<u32>;

fn reportOverflow(overflowed: bool, site: u32) {
  if (overflowed) {
    atomicMin(&found, site);
  }
}
