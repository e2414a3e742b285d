// loss_sum: adds the mean loss of a micro-batch to the step's loss.
// shapes:  losses (rows) f32
// numerics: f32, the same bits every time: runs of 16, those of 256 strided parts, then a tree; micro-batches are added in pairs, pairs of pairs and so on, so that the error grows with the logarithm of their number
// dispatch: one workgroup
// source:  cascade summation (Higham, Accuracy and Stability of Numerical Algorithms, 4.1); GradScaler never sees the loss, and the reported loss is never scaled
import package::lib::step_state::StepState;

struct Params {
  rows: u32,
  inverseTokens: f32,  // 1 / (B * T * accumulation)
}

const LEVELS = 31u;

// Zero before the first micro-batch of a step.
struct LossSums {
  count: u32,                  // micro-batches so far
  levels: array<f32, LEVELS>,  // sums of 2^i micro-batches, for the bits i of count
}

@group(0) @binding(0) var<storage, read> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> sums: LossSums;
@group(0) @binding(2) var<storage, read_write> state: StepState;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 256u;
const RUN = 16u;

var<workgroup> part: array<f32, WIDTH>;

@compute @workgroup_size(WIDTH)
fn loss_sum(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var first = local; first < p.rows; first += RUN * WIDTH) {
    var run = 0.0;
    for (var row = first; row < min(first + RUN * WIDTH, p.rows); row += WIDTH) {
      run += losses[row];
    }
    sum += run;
  }
  part[local] = sum;
  workgroupBarrier();
  for (var span = WIDTH / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      part[local] += part[local + span];
    }
    workgroupBarrier();
  }
  if (local != 0u) {
    return;
  }
  // As one is added to a binary number: full levels are carried into the next.
  let count = sums.count + 1u;
  let level = countTrailingZeros(count);
  var carried = part[0] * p.inverseTokens;
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
  state.lossSum = total;
}
