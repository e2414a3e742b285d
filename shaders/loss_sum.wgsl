// loss_sum: adds the mean loss of a micro-batch to the step's loss; with `logZ` its mean of log Z to the step's, in the same way.
// shapes:  losses (rows) f32; mean (1) f32
// numerics: f32 in a fixed order: each lane adds sums of 16 losses, and a tree adds the lanes; micro-batches are added in pairs, pairs of pairs and so on, so that the error grows with the logarithm of their number
// dispatch: one workgroup
// source:  cascade summation (Higham, Accuracy and Stability of Numerical Algorithms, 4.1); the reported loss is never multiplied by the loss scale
import constants::LANES;
import package::lib::mean_loss::{losses, p, storeMean};
import package::lib::reduce::workgroupSum;

const LEVELS = 31u;

// Cleared before the first micro-batch of a step.
struct LossSums {
  count: u32,                  // number of micro-batches so far
  levels: array<f32, LEVELS>,  // level i is the sum of 2^i micro-batches if bit i of count is set
}

@group(0) @binding(1) var<storage, read_write> sums: LossSums;

const RUN = 16u;

@compute @workgroup_size(LANES)
fn loss_sum(@builtin(local_invocation_index) local: u32) {
  var own = 0.0;
  for (var first = local; first < p.rows; first += RUN * LANES) {
    var run = 0.0;
    for (var row = first; row < min(first + RUN * LANES, p.rows); row += LANES) {
      run += losses[row];
    }
    own += run;
  }
  let sum = workgroupSum(own, local);
  if (local != 0u) {
    return;
  }
  // Works like adding one to a binary number: each full level is carried into the next.
  let count = sums.count + 1u;
  let level = countTrailingZeros(count);
  var carried = sum * p.inverseTokens;
  for (var i = 0u; i < level; i++) {
    carried += sums.levels[i];
  }
  sums.levels[level] = carried;
  sums.count = count;
  var total = 0.0;
  for (var i = level; i < LEVELS; i++) {
    if (((count >> i) & 1u) == 1u) {
      total += sums.levels[i];
    }
  }
  storeMean(total);
}
