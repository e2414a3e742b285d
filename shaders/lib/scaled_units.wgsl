// scaled_units: compound loss scaling, in which gradients are never divided by the loss scale and moments are kept in its units.
// shapes:  none
// numerics: loss scales are powers of two, so that changing units rounds nothing but what becomes subnormal
// dispatch: none (library)
// source:  Bjorck et al. 2021 (arXiv 2102.13565); reference/compound.ts (oracle)

// The loss scale of the next step over that of this step: it doubles, halves or stays.
fn unitChange(next: f32, used: f32) -> f32 {
  return select(select(1.0, 2.0, next > used), 0.5, next < used);
}

// The epsilon that goes with scaled moments. Its floor keeps an update finite where both moments are zero.
fn scaledEpsilon(epsilon: f32, scale: f32) -> f32 {
  return max(epsilon * scale, 1e-7);
}
