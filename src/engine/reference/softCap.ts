/** cap * tanh(x / cap) of each number; `inp` itself with cap 0, which is none. */
export function softCapForward(inp: ArrayLike<number>, cap: number): Float64Array {
  return Float64Array.from(inp, (x) => (cap === 0 ? x : cap * Math.tanh(x / cap)));
}

/** dinp of {@link softCapForward}, from its output. */
export function softCapBackward(dout: ArrayLike<number>, out: ArrayLike<number>, cap: number): Float64Array {
  return Float64Array.from(dout, (d, i) => (cap === 0 ? d : d * (1 - (out[i]! / cap) ** 2)));
}
