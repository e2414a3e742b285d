import type { Values } from './store.ts';

const SLOPE = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/** GPT-2's GELU, the tanh form, of one number. */
export function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(SLOPE * (x + CUBIC * x ** 3)));
}

/** d gelu(x) / dx. */
export function geluDerivative(x: number): number {
  const t = Math.tanh(SLOPE * (x + CUBIC * x ** 3));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SLOPE * (1 + 3 * CUBIC * x * x);
}

export function geluForward(inp: Values): Float64Array {
  return Float64Array.from(inp, gelu);
}

/** dinp = dout * gelu'(inp), `inp` as it was stored. */
export function geluBackward(dout: Values, inp: Values): Float64Array {
  return Float64Array.from(inp, (x, i) => dout[i]! * geluDerivative(x));
}
