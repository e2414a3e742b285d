import type { Values } from './store.ts';

export interface RmsnormOutput {
  /** (rows, C) */
  readonly out: Float64Array;
  /** (rows): 1 / sqrt(mean square + epsilon) */
  readonly rms: Float64Array;
}

/** out (rows, C) = inp / sqrt(mean of inp^2 + epsilon) * weight (C), each row on its own. */
export function rmsnormForward(
  inp: Values,
  weight: Values,
  rows: number,
  C: number,
  epsilon: number,
): RmsnormOutput {
  const out = new Float64Array(rows * C);
  const rms = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let c = 0; c < C; c++) squares += inp[row * C + c]! ** 2;
    const r = 1 / Math.sqrt(squares / C + epsilon);
    for (let c = 0; c < C; c++) out[row * C + c] = inp[row * C + c]! * r * weight[c]!;
    rms[row] = r;
  }
  return { out, rms };
}

/** Gradients of {@link rmsnormForward} for dout (rows, C), from its input and the saved `rms`: dinp (rows, C), dweight (C). */
export function rmsnormBackward(
  dout: Values,
  inp: Values,
  weight: Values,
  rms: Values,
  rows: number,
  C: number,
): { readonly dinp: Float64Array; readonly dweight: Float64Array } {
  const dinp = new Float64Array(rows * C);
  const dweight = new Float64Array(C);
  for (let row = 0; row < rows; row++) {
    const r = rms[row]!;
    let dot = 0;
    for (let c = 0; c < C; c++) {
      const i = row * C + c;
      dweight[c]! += dout[i]! * inp[i]! * r;
      dot += dout[i]! * weight[c]! * inp[i]!;
    }
    for (let c = 0; c < C; c++) {
      const i = row * C + c;
      dinp[i] = r * dout[i]! * weight[c]! - (r ** 3 * inp[i]! * dot) / C;
    }
  }
  return { dinp, dweight };
}
