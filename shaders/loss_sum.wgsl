// loss_sum: adds the mean loss of a micro-batch to the step's loss.
// shapes:  losses (rows) f32
// numerics: f32 sums of 256 strided parts, then a tree: the same bits every time
// dispatch: one workgroup
// source:  GradScaler never sees the loss; the reported loss is never scaled
import package::lib::step_state::StepState;

struct Params {
  rows: u32,
  inverseTokens: f32,  // 1 / (B * T * accumulation)
}

@group(0) @binding(0) var<storage, read> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> state: StepState;
@group(1) @binding(0) var<uniform> p: Params;

var<workgroup> part: array<f32, 256>;

@compute @workgroup_size(256)
fn loss_sum(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var row = local; row < p.rows; row += 256u) {
    sum += losses[row];
  }
  part[local] = sum;
  workgroupBarrier();
  for (var span = 128u; span > 0u; span >>= 1u) {
    if (local < span) {
      part[local] += part[local + span];
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    state.lossSum += part[0] * p.inverseTokens;
  }
}
