// mean_loss: the losses of a micro-batch, and where their mean goes: to the loss of the step or, with `logZ`, to a number of its own.
// shapes:  losses (rows) f32; mean (1) f32
// numerics: none
// dispatch: none (library); one lane stores the mean
// source:  own
@if(!logZ) import package::lib::step_state::StepState;

struct Losses {
  rows: u32,
  inverseTokens: f32,  // 1 / (B * T * accumulation)
}

@group(0) @binding(0) var<storage, read> losses: array<f32>;
@if(!logZ) @group(0) @binding(2) var<storage, read_write> state: StepState;
@if(logZ) @group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(1) @binding(0) var<uniform> p: Losses;

fn storeMean(loss: f32) {
  @if(!logZ) state.lossSum = loss;
  @if(logZ) mean[0] = loss;
}
