/** How a run sums its loss and its gradient norm: f32 in a fixed order, or 64-bit integers, which no order changes. */
export const SUMS = ['f32', 'fx64'] as const;
export type Sums = (typeof SUMS)[number];
