import { randomBits } from '../core/rng.ts';
import type { Values } from './store.ts';

/** Packed attention: qkv is (B, K, H + 2 G, D), as one matmul writes it; the output is (B, T, H, D) = (B, T, C). */
export interface AttentionShape {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly D: number;
  /** Heads of keys and values; H unless given. */
  readonly G?: number;
  /** Rows of qkv a window; T unless given. */
  readonly K?: number;
  /** What q . k is multiplied by; 1 / sqrt(D) unless given. */
  readonly scale?: number;
  /** Scores become softCap * tanh(score / softCap). */
  readonly softCap?: number;
  readonly dropout?: { readonly rate: number; readonly stream: number };
  /** One a window of the batch; without them queries start at row 0 and a window is one document. */
  readonly windows?: readonly {
    readonly seed?: number;
    readonly index?: number;
    readonly firstQuery?: number;
    readonly starts?: ArrayLike<number>;
  }[];
}

export interface AttentionOutput {
  /** (B, T, H, D) */
  readonly out: Float64Array;
  /** (B, H, T): natural log of the sum of exp(score), all the backward pass needs of the T x T scores. */
  readonly lse: Float64Array;
}

/** Where vector `which` (0 q, 1 k, 2 v) of a head's row begins in packed qkv. Heads in a row share a key and a value. */
export function offsetOf(shape: AttentionShape, b: number, t: number, which: 0 | 1 | 2, h: number): number {
  const { T, H, D, G = H, K = T } = shape;
  const vector = which === 0 ? h : H + (which - 1) * G + Math.floor((h * G) / H);
  return ((b * K + t) * (H + 2 * G) + vector) * D;
}

/** Rows of qkv that query `i` sees: from the start of its document to itself. */
export function visibleTo(
  { windows }: AttentionShape,
  b: number,
  i: number,
): { first: number; last: number } {
  const { firstQuery = 0, starts } = windows?.[b] ?? {};
  const last = firstQuery + i;
  return { first: starts?.[last] ?? 0, last };
}

/** What the probability of key `j` is multiplied by for the query at row `i` of qkv: 0, or 1 / (1 - rate). */
export function keptFactor(shape: AttentionShape, b: number, h: number, i: number, j: number): number {
  const { T, K = T, dropout, windows } = shape;
  if (!dropout) return 1;
  const { seed = 0, index = 0 } = windows?.[b] ?? {};
  const ofWindow = randomBits(index, (seed ^ dropout.stream) >>> 0);
  const ofRow = randomBits(h * K + i, ofWindow);
  return randomBits(j, ofRow) < Math.round(dropout.rate * 2 ** 32) ? 0 : 1 / (1 - dropout.rate);
}

function dot(a: Values, i: number, b: Values, j: number, D: number): number {
  let sum = 0;
  for (let d = 0; d < D; d++) sum += a[i + d]! * b[j + d]!;
  return sum;
}

function capped(score: number, { softCap }: AttentionShape): number {
  return softCap === undefined ? score : softCap * Math.tanh(score / softCap);
}

/** Derivative of `capped`. */
function capSlope(score: number, { softCap }: AttentionShape): number {
  return softCap === undefined ? 1 : 1 - Math.tanh(score / softCap) ** 2;
}

/** out_i = sum over visible j of softmax_j(q_i . k_j / sqrt(D)) v_j, for every head. */
export function attentionForward(qkv: Values, shape: AttentionShape): AttentionOutput {
  const { B, T, H, D, K = T, scale = 1 / Math.sqrt(D) } = shape;
  const out = new Float64Array(B * T * H * D);
  const lse = new Float64Array(B * H * T);
  const scores = new Float64Array(K);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < T; i++) {
        const { first, last } = visibleTo(shape, b, i);
        const q = offsetOf(shape, b, last, 0, h);
        let max = Number.NEGATIVE_INFINITY;
        for (let j = first; j <= last; j++) {
          const score = dot(qkv, q, qkv, offsetOf(shape, b, j, 1, h), D) * scale;
          scores[j] = capped(score, shape);
          max = Math.max(max, scores[j]!);
        }
        let sum = 0;
        for (let j = first; j <= last; j++) sum += Math.exp(scores[j]! - max);
        const l = max + Math.log(sum);
        lse[(b * H + h) * T + i] = l;
        const o = ((b * T + i) * H + h) * D;
        for (let j = first; j <= last; j++) {
          const p = Math.exp(scores[j]! - l) * keptFactor(shape, b, h, last, j);
          const v = offsetOf(shape, b, j, 2, h);
          for (let d = 0; d < D; d++) out[o + d]! += p * qkv[v + d]!;
        }
      }
    }
  }
  return { out, lse };
}

/** delta (B, H, T) = sum over D of out * dout, both as stored: what a row's softmax gradient subtracts. */
export function attentionDelta(dout: Values, out: Values, { B, T, H, D }: AttentionShape): Float64Array {
  const delta = new Float64Array(B * H * T);
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      for (let h = 0; h < H; h++) {
        const o = ((b * T + t) * H + h) * D;
        delta[(b * H + h) * T + t] = dot(out, o, dout, o, D);
      }
    }
  }
  return delta;
}

/**
 * dqkv (B, K, H + 2 G, D) for dout (B, T, H, D), by recomputing P = exp(score - lse), with m_ij what P_ij is multiplied by:
 * dS_ij = P_ij (m_ij dout_i . v_j - delta_i) cap'(S_ij), dq_i = sum_j dS_ij k_j / sqrt(D), dk_j = sum_i dS_ij q_i / sqrt(D),
 * dv_j = sum_i m_ij P_ij dout_i.
 */
export function attentionBackward(
  dout: Values,
  qkv: Values,
  out: Values,
  lse: Values,
  shape: AttentionShape,
): Float64Array {
  const { B, T, H, D } = shape;
  const dqkv = new Float64Array(qkv.length);
  const delta = attentionDelta(dout, out, shape);
  const { scale = 1 / Math.sqrt(D) } = shape;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < T; i++) {
        const row = (b * H + h) * T + i;
        const o = ((b * T + i) * H + h) * D;
        const { first, last } = visibleTo(shape, b, i);
        const q = offsetOf(shape, b, last, 0, h);
        for (let j = first; j <= last; j++) {
          const k = offsetOf(shape, b, j, 1, h);
          const v = offsetOf(shape, b, j, 2, h);
          const score = dot(qkv, q, qkv, k, D) * scale;
          const p = Math.exp(capped(score, shape) - lse[row]!);
          const kept = keptFactor(shape, b, h, last, j);
          const dp = kept * dot(dout, o, qkv, v, D);
          const ds = p * (dp - delta[row]!) * capSlope(score, shape) * scale;
          for (let d = 0; d < D; d++) {
            dqkv[q + d]! += ds * qkv[k + d]!;
            dqkv[k + d]! += ds * qkv[q + d]!;
            dqkv[v + d]! += kept * p * dout[o + d]!;
          }
        }
      }
    }
  }
  return dqkv;
}
