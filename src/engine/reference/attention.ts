import type { Values } from './store.ts';

/** Packed attention: qkv is (B, T, 3, H, D), as one matmul writes it; the output is (B, T, H, D) = (B, T, C). */
export interface AttentionShape {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly D: number;
}

export interface AttentionOutput {
  /** (B, T, H, D) */
  readonly out: Float64Array;
  /** (B, H, T): natural log of the sum of exp(score), all the backward pass needs of the T x T scores. */
  readonly lse: Float64Array;
}

/** Where vector `which` (0 q, 1 k, 2 v) of a head begins in packed qkv. */
function offsetOf({ T, H, D }: AttentionShape, b: number, t: number, which: 0 | 1 | 2, h: number): number {
  return (((b * T + t) * 3 + which) * H + h) * D;
}

function dot(a: Values, i: number, b: Values, j: number, D: number): number {
  let sum = 0;
  for (let d = 0; d < D; d++) sum += a[i + d]! * b[j + d]!;
  return sum;
}

/** out_i = sum over j <= i of softmax_j(q_i . k_j / sqrt(D)) v_j, for every head. */
export function attentionForward(qkv: Values, shape: AttentionShape): AttentionOutput {
  const { B, T, H, D } = shape;
  const out = new Float64Array(B * T * H * D);
  const lse = new Float64Array(B * H * T);
  const scores = new Float64Array(T);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < T; i++) {
        const q = offsetOf(shape, b, i, 0, h);
        let max = Number.NEGATIVE_INFINITY;
        for (let j = 0; j <= i; j++) {
          scores[j] = dot(qkv, q, qkv, offsetOf(shape, b, j, 1, h), D) / Math.sqrt(D);
          max = Math.max(max, scores[j]!);
        }
        let sum = 0;
        for (let j = 0; j <= i; j++) sum += Math.exp(scores[j]! - max);
        const l = max + Math.log(sum);
        lse[(b * H + h) * T + i] = l;
        const o = ((b * T + i) * H + h) * D;
        for (let j = 0; j <= i; j++) {
          const p = Math.exp(scores[j]! - l);
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
 * dqkv (B, T, 3, H, D) for dout (B, T, H, D), by recomputing P = exp(score - lse):
 * dS_ij = P_ij (dout_i . v_j - delta_i), dq_i = sum_j dS_ij k_j / sqrt(D), dk_j = sum_i dS_ij q_i / sqrt(D),
 * dv_j = sum_i P_ij dout_i.
 */
export function attentionBackward(
  dout: Values,
  qkv: Values,
  out: Values,
  lse: Values,
  shape: AttentionShape,
): Float64Array {
  const { B, T, H, D } = shape;
  const dqkv = new Float64Array(B * T * 3 * H * D);
  const delta = attentionDelta(dout, out, shape);
  const scale = 1 / Math.sqrt(D);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < T; i++) {
        const row = (b * H + h) * T + i;
        const o = ((b * T + i) * H + h) * D;
        const q = offsetOf(shape, b, i, 0, h);
        for (let j = 0; j <= i; j++) {
          const k = offsetOf(shape, b, j, 1, h);
          const v = offsetOf(shape, b, j, 2, h);
          const p = Math.exp(dot(qkv, q, qkv, k, D) * scale - lse[row]!);
          const ds = p * (dot(dout, o, qkv, v, D) - delta[row]!) * scale;
          for (let d = 0; d < D; d++) {
            dqkv[q + d]! += ds * qkv[k + d]!;
            dqkv[k + d]! += ds * qkv[q + d]!;
            dqkv[v + d]! += p * dout[o + d]!;
          }
        }
      }
    }
  }
  return dqkv;
}
