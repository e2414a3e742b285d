/** The exponential moving average of weights after one more applied step. */
export function averaged(average: Float64Array, weights: Float64Array, decay: number): Float64Array {
  return average.map((old, i) => decay * old + (1 - decay) * weights[i]!);
}
