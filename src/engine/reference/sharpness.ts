import type { Values } from './store.ts';

/**
 * Loss-landscape sharpness in the logits, (rows): 100 (max f(x + d) - f(x)) / (1 + f(x)) over |d_j| <= epsilon (|x_j| + 1),
 * f the cross entropy. Its derivative is negative by the target's logit and positive by every other, wherever x is, so that
 * the maximum is at one corner of the box: the target's logit as low, all others as high as it allows.
 * @param logits (rows, columns), of which the first V are real
 */
export function logitSharpness(
  logits: Values,
  targets: ArrayLike<number>,
  rows: number,
  V: number,
  epsilon: number,
  columns = V,
): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    const x = Float64Array.from(logits.subarray(row * columns, row * columns + V));
    const target = targets[row]!;
    const corner = x.map((value, j) => value + (j === target ? -1 : 1) * epsilon * (Math.abs(value) + 1));
    const loss = crossEntropy(x, target);
    return (100 * (crossEntropy(corner, target) - loss)) / (1 + loss);
  });
}

/** Of one row, in nats. */
export function crossEntropy(x: Float64Array, target: number): number {
  const max = Math.max(...x);
  return max + Math.log(x.reduce((sum, value) => sum + Math.exp(value - max), 0)) - x[target]!;
}
