import type { Values } from './store.ts';

export interface LayernormOutput {
  /** (rows, C) */
  readonly out: Float64Array;
  /** (rows) */
  readonly mean: Float64Array;
  /** (rows): 1 / sqrt(variance + epsilon), variance over C (not C - 1). */
  readonly rstd: Float64Array;
}

/** out (rows, C) = (inp - mean) * rstd * weight (C) + bias (C), each row on its own. */
export function layernormForward(
  inp: Values,
  weight: Values,
  bias: Values,
  rows: number,
  C: number,
  epsilon: number,
): LayernormOutput {
  const out = new Float64Array(rows * C);
  const mean = new Float64Array(rows);
  const rstd = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const x = inp.subarray(row * C, (row + 1) * C);
    let sum = 0;
    for (let c = 0; c < C; c++) sum += x[c]!;
    const m = sum / C;
    let squares = 0;
    for (let c = 0; c < C; c++) squares += (x[c]! - m) ** 2;
    const s = 1 / Math.sqrt(squares / C + epsilon);
    for (let c = 0; c < C; c++) out[row * C + c] = (x[c]! - m) * s * weight[c]! + bias[c]!;
    mean[row] = m;
    rstd[row] = s;
  }
  return { out, mean, rstd };
}

export interface LayernormGradients {
  /** (rows, C) */
  readonly dinp: Float64Array;
  /** (C) */
  readonly dweight: Float64Array;
  /** (C) */
  readonly dbias: Float64Array;
}

/** Gradients of {@link layernormForward} for dout (rows, C), from its input and the saved mean and rstd. */
export function layernormBackward(
  dout: Values,
  inp: Values,
  weight: Values,
  mean: Values,
  rstd: Values,
  rows: number,
  C: number,
): LayernormGradients {
  const dinp = new Float64Array(rows * C);
  const dweight = new Float64Array(C);
  const dbias = new Float64Array(C);
  for (let row = 0; row < rows; row++) {
    const normalised = (c: number) => (inp[row * C + c]! - mean[row]!) * rstd[row]!;
    let sum = 0;
    let dot = 0;
    for (let c = 0; c < C; c++) {
      const d = dout[row * C + c]!;
      dbias[c]! += d;
      dweight[c]! += d * normalised(c);
      sum += d * weight[c]!;
      dot += d * weight[c]! * normalised(c);
    }
    for (let c = 0; c < C; c++) {
      const d = dout[row * C + c]! * weight[c]!;
      dinp[row * C + c] = (d - sum / C - normalised(c) * (dot / C)) * rstd[row]!;
    }
  }
  return { dinp, dweight, dbias };
}
