export function lastOf(values: ArrayLike<number>, length: number): number {
  return length > 0 ? values[length - 1]! : Number.NaN;
}

/** The shortest form of a tick: 4, 0.25, 1e-7. */
export function plainNumber(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-4 ? shortExponent(value) : String(Number(value.toPrecision(6)));
}

export function shortExponent(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) >= 0.01
    ? String(Number(value.toPrecision(3)))
    : value.toExponential(2).replace(/\.?0+e/, 'e');
}
