import type { Values } from './store.ts';

/** x times its sigmoid, of one number. */
export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** d silu(x) / dx. */
export function siluDerivative(x: number): number {
  const s = 1 / (1 + Math.exp(-x));
  return s * (1 + x * (1 - s));
}

/** A function of one number. */
type Scalar = (x: number) => number;

/** out (rows, I) = f(gate) * up, of inp (rows, 2 I): gate, then up. */
export function gatedForward(inp: Values, rows: number, f: Scalar): Float64Array {
  const width = inp.length / rows / 2;
  const out = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      const at = 2 * row * width + i;
      out[row * width + i] = f(inp[at]!) * inp[at + width]!;
    }
  }
  return out;
}

/** dinp (rows, 2 I) of {@link gatedForward} for dout (rows, I), `inp` as it was stored. */
export function gatedBackward(
  dout: Values,
  inp: Values,
  rows: number,
  f: Scalar,
  derivative: Scalar,
): Float64Array {
  const width = inp.length / rows / 2;
  const dinp = new Float64Array(inp.length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      const at = 2 * row * width + i;
      const d = dout[row * width + i]!;
      dinp[at] = d * inp[at + width]! * derivative(inp[at]!);
      dinp[at + width] = d * f(inp[at]!);
    }
  }
  return dinp;
}
