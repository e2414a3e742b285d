import type { Values } from './store.ts';

/** max(x, 0)^2 of one number. */
export function relu2(x: number): number {
  return x > 0 ? x ** 2 : 0;
}

/** d relu2(x) / dx. */
export function relu2Derivative(x: number): number {
  return x > 0 ? 2 * x : 0;
}

export function relu2Forward(inp: Values): Float64Array {
  return Float64Array.from(inp, relu2);
}

/** dinp = dout * relu2'(inp), `inp` as it was stored. */
export function relu2Backward(dout: Values, inp: Values): Float64Array {
  return Float64Array.from(inp, (x, i) => dout[i]! * relu2Derivative(x));
}
