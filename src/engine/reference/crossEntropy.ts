import type { Values } from './store.ts';

export interface CrossEntropyOutput {
  /** Mean over the rows, in nats. */
  readonly loss: number;
  /** (rows): lse - logit of the target. */
  readonly losses: Float64Array;
  /** (rows): natural log of the sum of exp(logit) over the V real columns. */
  readonly lse: Float64Array;
}

/**
 * Cross entropy of logits (rows, columns) against targets (rows). Only the first V columns exist; the
 * rest pad the vocabulary and are masked, whatever they hold.
 */
export function crossEntropyForward(
  logits: Values,
  targets: ArrayLike<number>,
  rows: number,
  V: number,
  columns = V,
): CrossEntropyOutput {
  const losses = new Float64Array(rows);
  const lse = new Float64Array(rows);
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const x = logits.subarray(row * columns, row * columns + V);
    let max = Number.NEGATIVE_INFINITY;
    for (let v = 0; v < V; v++) max = Math.max(max, x[v]!);
    let sum = 0;
    for (let v = 0; v < V; v++) sum += Math.exp(x[v]! - max);
    lse[row] = max + Math.log(sum);
    losses[row] = lse[row]! - x[targets[row]!]!;
    total += losses[row]!;
  }
  return { loss: total / rows, losses, lse };
}

/**
 * dlogits (rows, columns) = (softmax - onehot) * scale / tokens, and 0 in padded columns. With `zLoss` the loss of a row has
 * zLoss * lse^2 more.
 * @param scale the loss scale
 * @param tokens tokens of the whole step, B * T * accumulation: the mean the reported loss is
 */
export function crossEntropyBackward(
  logits: Values,
  targets: ArrayLike<number>,
  lse: Values,
  rows: number,
  V: number,
  scale: number,
  tokens: number,
  columns = V,
  zLoss = 0,
): Float64Array {
  const dlogits = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let v = 0; v < V; v++) {
      const p = Math.exp(logits[row * columns + v]! - lse[row]!);
      const slope = p - (v === targets[row] ? 1 : 0) + 2 * zLoss * lse[row]! * p;
      dlogits[row * columns + v] = (slope / tokens) * scale;
    }
  }
  return dlogits;
}
