/** Derived bounds of what the attention kernels compute, in any of their forms. */
import {
  type AttentionShape,
  keptFactor,
  offsetOf,
  visibleTo,
} from '../../../src/engine/reference/attention.ts';
import { Approx, approx, gamma, ULP } from './approx.ts';

interface Row {
  readonly b: number;
  readonly h: number;
  readonly i: number;
}

/** Vectors of one head in packed qkv, by row of qkv, and where those in (B, T, H, D) begin. */
function views(shape: AttentionShape, qkv: Float64Array) {
  const { T, H, D } = shape;
  const part = (which: 0 | 1 | 2) => (b: number, h: number, t: number) => {
    const at = offsetOf(shape, b, t, which, h);
    return qkv.subarray(at, at + D);
  };
  const outAt = (b: number, h: number, t: number): number => ((b * T + t) * H + h) * D;
  return { q: part(0), k: part(1), v: part(2), outAt };
}

function absoluteDot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, d) => sum + Math.abs(x * b[d]!), 0);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, d) => sum + x * b[d]!, 0);
}

/** q . k / sqrt(D): the scale rounded, each q times it, D products and sums. */
function score(q: Float64Array, k: Float64Array): Approx {
  const D = q.length;
  return new Approx(dot(q, k) / Math.sqrt(D), (gamma(D + 2) * absoluteDot(q, k)) / Math.sqrt(D));
}

/** exp(-2 |score| / cap), of which the kernels make tanh and its derivative. */
function smallOf(s: Approx, softCap: number): Approx {
  return new Approx(-2 * Math.abs(s.value), 2 * s.error).div(Approx.rounded(softCap)).exp();
}

function capped(s: Approx, { softCap }: AttentionShape): Approx {
  if (softCap === undefined) return s;
  const small = smallOf(s, softCap);
  const magnitude = approx(1).sub(small).div(approx(1).add(small)).mul(Approx.rounded(softCap));
  return new Approx(Math.sign(s.value) * magnitude.value, magnitude.error);
}

function capSlope(s: Approx, { softCap }: AttentionShape): Approx {
  if (softCap === undefined) return approx(1);
  const small = smallOf(s, softCap);
  const sum = approx(1).add(small);
  return small.mul(4).div(sum.mul(sum));
}

function* rowsOf({ B, H, T }: AttentionShape): Generator<Row> {
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) for (let i = 0; i < T; i++) yield { b, h, i };
  }
}

/**
 * Bounds of out and lse. The online softmax multiplies what it has by `keep` and adds a term, at most once a key: term j
 * passes through 2 (i - j) roundings and i - j exponentials, most of them of 0, which WGSL lets be 3 ulp off.
 */
export function forwardErrors(
  shape: AttentionShape,
  qkv: Float64Array,
  out: Float64Array,
  lse: Float64Array,
) {
  const { T, H, D } = shape;
  const { q, k, v, outAt } = views(shape, qkv);
  const outError = new Float64Array(out.length);
  const lseError = new Float64Array(lse.length);
  for (const { b, h, i } of rowsOf(shape)) {
    const { first, last } = visibleTo(shape, b, i);
    const keys = Array.from({ length: last - first + 1 }, (_, n) => first + n);
    const scores = keys.map((j) => capped(score(q(b, h, last), k(b, h, j)), shape));
    const highest = Math.max(...scores.map(({ value }) => value));
    const relative: number[] = [];
    const keeps: number[] = [];
    let running = Number.NEGATIVE_INFINITY;
    for (const s of scores) {
      const next = Math.max(running, s.value);
      const weight = s.sub(next).exp();
      relative.push(weight.error / weight.value + ULP);
      const drop = Math.min(87, next - running);
      keeps.push(approx(-drop).exp().error / Math.exp(-drop) + 2 * ULP);
      running = next;
    }
    let later = 0;
    let total = 0;
    let totalError = 0;
    const numeratorError = new Float64Array(D);
    for (let n = keys.length - 1; n >= 0; n--) {
      const weight = Math.exp(scores[n]!.value - highest);
      const share = Math.expm1(relative[n]! + later);
      // What is kept is multiplied by a rounded number, and rounded.
      const factor = keptFactor(shape, b, h, last, keys[n]!);
      const taken = weight * factor * (factor === 1 ? share : (1 + share) * (1 + 2 * ULP) - 1);
      total += weight;
      totalError += weight * share;
      v(b, h, keys[n]!).forEach((x, d) => {
        numeratorError[d]! += Math.abs(x) * taken;
      });
      later += keeps[n]!;
    }
    const at = outAt(b, h, i);
    const inverse = approx(1).div(new Approx(total, totalError));
    for (let d = 0; d < D; d++) {
      outError[at + d] = new Approx(out[at + d]! * total, numeratorError[d]!).mul(inverse).error;
    }
    // Whatever maximum was subtracted is added again: an error in it cancels, errors in scores are in `relative`.
    lseError[(b * H + h) * T + i] = new Approx(total, totalError).log().add(highest).error;
  }
  return { outError, lseError };
}

/** Bounds of dqkv and of dots for the backward kernels, whose out, lse and dout are given. */
export function backwardErrors(
  shape: AttentionShape,
  qkv: Float64Array,
  dout: Float64Array,
  out: Float64Array,
  lse: Float64Array,
) {
  const { T, H, D, G = H } = shape;
  const { q, k, v, outAt } = views(shape, qkv);
  const error = new Float64Array(qkv.length);
  const errors = views(shape, error);
  const dotsError = new Float64Array(lse.length);
  const scale = 1 / Math.sqrt(D);
  for (const { b, h, i } of rowsOf(shape)) {
    const row = (b * H + h) * T + i;
    const at = outAt(b, h, i);
    const dO = dout.subarray(at, at + D);
    const o = out.subarray(at, at + D);
    dotsError[row] = gamma(D) * absoluteDot(o, dO);
    const delta = new Approx(dot(o, dO), dotsError[row]!);
    const { first, last } = visibleTo(shape, b, i);
    for (let j = first; j <= last; j++) {
      const product = score(q(b, h, last), k(b, h, j));
      const probability = capped(product, shape).sub(lse[row]!).exp();
      const factor = Approx.rounded(keptFactor(shape, b, h, last, j));
      const vj = v(b, h, j);
      const dprobability = new Approx(dot(dO, vj), gamma(D) * absoluteDot(dO, vj)).mul(factor);
      const dscore = probability.mul(dprobability.sub(delta)).mul(capSlope(product, shape));
      const taken = probability.mul(factor);
      // T products and sums for each head that shares the key, then the rounded scale and its product.
      const grown = gamma((T * H) / G + 2);
      for (let d = 0; d < D; d++) {
        const dqTerm = dscore.error + grown * dscore.magnitude;
        errors.q(b, h, last)[d]! += scale * Math.abs(k(b, h, j)[d]!) * dqTerm;
        errors.k(b, h, j)[d]! += scale * Math.abs(q(b, h, last)[d]!) * dqTerm;
        errors.v(b, h, j)[d]! += Math.abs(dO[d]!) * (taken.error + grown * taken.magnitude);
      }
    }
  }
  return { error, dotsError };
}
