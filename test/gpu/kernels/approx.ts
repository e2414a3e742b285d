/**
 * Running error analysis: a number with a bound on how far the f32 that a conforming WGSL implementation computes for it
 * may be from it. Kernels are replayed on such numbers, so that every tolerance is derived and none is chosen.
 * Accuracy of the operations: WGSL, "Floating Point Accuracy".
 */

/** WGSL names no rounding mode: a correctly rounded result is either neighbour, one ulp away at most. */
export const ULP = 2 ** -23;
/** What flushing a subnormal result to zero may cost. */
const FLUSH = 2 ** -126;

/** Relative error of `n` roundings in a row, and of a sum of n + 1 terms in any order with respect to sum |term|. */
export function gamma(n: number): number {
  return (n * ULP) / (1 - n * ULP);
}

export class Approx {
  readonly value: number;
  readonly error: number;

  constructor(value: number, error = 0) {
    this.value = value;
    this.error = error;
  }

  /** A constant or parameter that was rounded to f32, to nearest, before the kernel saw it. */
  static rounded(value: number): Approx {
    return new Approx(value, (Math.abs(value) * ULP) / 2);
  }

  /** Largest magnitude the computed number can have. */
  get magnitude(): number {
    return Math.abs(this.value) + this.error;
  }

  add(other: Approx | number): Approx {
    const { value, error } = approx(other);
    return computed(this.value + value, this.error + error);
  }

  sub(other: Approx | number): Approx {
    const { value, error } = approx(other);
    return computed(this.value - value, this.error + error);
  }

  mul(other: Approx | number): Approx {
    const { value, error } = approx(other);
    const propagated = Math.abs(this.value) * error + this.error * Math.abs(value) + this.error * error;
    return computed(this.value * value, propagated);
  }

  /** 2.5 ulp. */
  div(other: Approx | number): Approx {
    const divisor = approx(other);
    const smallest = Math.abs(divisor.value) - divisor.error;
    if (!(smallest > 0)) return new Approx(this.value / divisor.value, Number.POSITIVE_INFINITY);
    const value = this.value / divisor.value;
    return computed(value, (this.error + Math.abs(value) * divisor.error) / smallest, 2.5);
  }

  /** 3 + 2 |x| ulp. */
  exp(): Approx {
    const value = Math.exp(this.value);
    return computed(value, value * Math.expm1(this.error), 3 + 2 * this.magnitude);
  }

  /** 2^-21 on [0.5, 2], else 3 ulp. */
  log(): Approx {
    const value = Math.log(this.value);
    const smallest = this.value - this.error;
    const propagated = smallest > 0 ? this.error / smallest : Number.POSITIVE_INFINITY;
    const near = smallest <= 2 && this.value + this.error >= 0.5;
    const far = smallest < 0.5 || this.value + this.error > 2;
    const own = Math.max(near ? 2 ** -21 : 0, far ? 3 * ULP * (Math.abs(value) + propagated) : 0);
    return new Approx(value, propagated + own + FLUSH);
  }

  /** 2 ulp. */
  inverseSqrt(): Approx {
    const value = 1 / Math.sqrt(this.value);
    const smallest = this.value - this.error;
    const propagated = smallest > 0 ? 1 / Math.sqrt(smallest) - value : Number.POSITIVE_INFINITY;
    return computed(value, propagated, 2);
  }

  /** As 1 / inverseSqrt: 2 and 2.5 ulp, and one for their product. */
  sqrt(): Approx {
    const value = Math.sqrt(this.value);
    const low = Math.sqrt(Math.max(0, this.value - this.error));
    const high = Math.sqrt(this.value + this.error);
    return computed(value, Math.max(value - low, high - value), 5.5);
  }
}

export function approx(x: Approx | number): Approx {
  return typeof x === 'number' ? new Approx(x) : x;
}

/** The result of one operation that is accurate to `ulps`, with `propagated` the error its operands brought. */
function computed(value: number, propagated: number, ulps = 1): Approx {
  return new Approx(value, propagated + ulps * ULP * (Math.abs(value) + propagated) + FLUSH);
}

/** Sum in any order, with `extra` additions of zeros or further roundings on the way. */
export function sum(terms: readonly Approx[], extra = 0): Approx {
  let value = 0;
  let magnitudes = 0;
  let error = 0;
  for (const term of terms) {
    value += term.value;
    error += term.error;
    magnitudes += term.magnitude;
  }
  return new Approx(value, error + gamma(terms.length + extra) * magnitudes + terms.length * FLUSH);
}
