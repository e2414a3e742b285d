// fixed_loss_sum: as loss_sum, in 64-bit integers, so that no order of losses or micro-batches changes a bit.
// shapes:  losses (rows) f32; mean (1) f32
// numerics: losses are rounded to steps of 2^-32, their sum to the nearest f32, which is then multiplied by inverseTokens; a loss of 2^24 or more counts as infinite
// dispatch: one workgroup
// source:  own; reference/fixed.ts (oracle)
import package::lib::fixed::{addFixed, fixedOf, Fixed};
import package::lib::fixed_sum::{addWords, nearest, sumOfFour, totalOf};
import package::lib::mean_loss::{losses, p, storeMean};
import package::lib::round::magnitudeBits;

// Cleared before the first micro-batch of a step.
struct LossSums {
  total: vec2u,
  isInfinite: u32,
}

@group(0) @binding(1) var<storage, read_write> sums: LossSums;

const WIDTH = 256u;
// Sums stay below 2^31.
const EXPONENT = 30;
const LARGEST = 0x4b800000u;
const INFINITY = 0x7f800000u;

var<workgroup> isInfinite: atomic<u32>;

@compute @workgroup_size(WIDTH)
fn fixed_loss_sum(@builtin(local_invocation_index) local: u32) {
  var sum = Fixed(vec4u(), vec4u());
  for (var row = 4u * local; row < p.rows; row += 4u * WIDTH) {
    var four = vec4f();
    for (var i = 0u; i < min(4u, p.rows - row); i++) {
      four[i] = losses[row + i];
    }
    let isLarge = magnitudeBits(four) >= vec4u(LARGEST);
    if (any(isLarge)) {
      atomicStore(&isInfinite, 1u);
    }
    sum = addFixed(sum, fixedOf(select(four, vec4f(), isLarge), EXPONENT));
  }
  let own = totalOf(sumOfFour(sum), local, WIDTH);
  if (local != 0u) {
    return;
  }
  sums.total = addWords(sums.total, own);
  sums.isInfinite |= atomicLoad(&isInfinite);
  let share = nearest(sums.total, EXPONENT) * p.inverseTokens;
  let total = bitcast<f32>(select(bitcast<u32>(share), INFINITY, sums.isInfinite != 0u));
  storeMean(total);
}
