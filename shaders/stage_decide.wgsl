// stage_decide: goes to the next stage of a precision schedule when the loss has stopped falling, or its turn has come.
// shapes:  levels: the levels of the current stage (3), then StageState, then from word 17 the levels of each stage (stages, 3)
// numerics: f32; a loss that is not finite is left out of the mean of its window
// dispatch: one lane, after step_decide
// source:  train_pfq.py of FracTrain (arXiv 2012.13113, algorithm); train/stages.ts (oracle)
import package::lib::step_state::StepState;

struct Params {
  window: u32,      // steps whose mean loss is one observation
  stages: u32,
  decay: f32,       // of the threshold, after the first and the second turning point
  firstForced: u32, // attempted steps after which the second stage is reached at the latest
  secondForced: u32,
  thirdForced: u32,
}

// Words from 3 on, of the same size: f32 are stored as their bits.
const STAGE = 3u;
const SUM = 4u;        // f32: of the finite losses of the window
const LOSSES = 5u;     // number of them
const WINDOWS = 6u;    // observations since the stage began
const THRESHOLD = 7u;  // f32
const RECENT = 8u;     // f32, the last five
const SCALE = 13u;     // f32: mean of the first ten observations of the run
const SEEN = 14u;      // observations of the run
const FORCED = 15u;    // stages that were reached because their turn had come
const USED = 16u;      // stage of the step itself
const TABLE = 17u;
const KEPT = 5u;
const SCALED_BY = 10u;

@group(0) @binding(0) var<storage, read> state: StepState;
@group(0) @binding(1) var<storage, read_write> levels: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

fn number(word: u32) -> f32 {
  return bitcast<f32>(levels[word]);
}

fn setNumber(word: u32, value: f32) {
  levels[word] = bitcast<u32>(value);
}

// Whether the last five observations differ from the newest by at most the threshold.
fn isFlat(newest: f32) -> bool {
  if (levels[WINDOWS] < KEPT) {
    return false;
  }
  let limit = number(THRESHOLD) * number(SCALE);
  for (var i = 0u; i < KEPT; i++) {
    if (abs(number(RECENT + i) - newest) > limit) {
      return false;
    }
  }
  return true;
}

@compute @workgroup_size(1)
fn stage_decide() {
  if ((bitcast<u32>(state.lossSum) & 0x7f800000u) != 0x7f800000u) {
    setNumber(SUM, number(SUM) + state.lossSum);
    levels[LOSSES] += 1u;
  }
  var turns = false;
  levels[USED] = levels[STAGE];
  if (state.attempted % p.window == 0u && levels[LOSSES] > 0u) {
    let loss = number(SUM) / f32(levels[LOSSES]);
    let seen = levels[SEEN];
    if (seen < SCALED_BY) {
      setNumber(SCALE, (number(SCALE) * f32(seen) + loss) / f32(seen + 1u));
    }
    levels[SEEN] = seen + 1u;
    setNumber(RECENT + levels[WINDOWS] % KEPT, loss);
    levels[WINDOWS] += 1u;
    levels[LOSSES] = 0u;
    setNumber(SUM, 0.0);
    turns = isFlat(loss);
  }
  let stage = levels[STAGE];
  let forcedAt = select(select(p.thirdForced, p.secondForced, stage == 1u), p.firstForced, stage == 0u);
  let isForced = !turns && state.attempted >= forcedAt;
  if (stage + 1u >= p.stages || !(turns || isForced)) {
    return;
  }
  levels[STAGE] = stage + 1u;
  levels[WINDOWS] = 0u;
  levels[FORCED] += select(0u, 1u, isForced);
  if (stage < 2u) {
    setNumber(THRESHOLD, number(THRESHOLD) * p.decay);
  }
  for (var role = 0u; role < 3u; role++) {
    levels[role] = levels[TABLE + 3u * (stage + 1u) + role];
  }
}
