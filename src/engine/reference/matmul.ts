import type { Values } from './store.ts';

/**
 * out (M, N) = inp (M, K) . weight (K, N) + bias (N): every forward matmul of a layer (Conv1D layout), and
 * the LM head's dinp = dlogits . weight (V, C).
 */
export function matmul(
  inp: Values,
  weight: Values,
  M: number,
  N: number,
  K: number,
  bias?: Values,
): Float64Array {
  const out = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    const row = out.subarray(m * N, (m + 1) * N);
    if (bias) for (let n = 0; n < N; n++) row[n] = bias[n]!;
    for (let k = 0; k < K; k++) {
      const a = inp[m * K + k]!;
      for (let n = 0; n < N; n++) row[n]! += a * weight[k * N + n]!;
    }
  }
  return out;
}

/** out (M, N) = inp (M, K) . weight (N, K)^T: dinp of a layer, and the logits of the LM head. */
export function matmulTransposedB(
  inp: Values,
  weight: Values,
  M: number,
  N: number,
  K: number,
): Float64Array {
  const out = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += inp[m * K + k]! * weight[n * K + k]!;
      out[m * N + n] = sum;
    }
  }
  return out;
}

/** out (M, N) = inp (K, M)^T . dout (K, N): dweight, summed over the K rows of a micro-batch. */
export function matmulTransposedA(inp: Values, dout: Values, M: number, N: number, K: number): Float64Array {
  const out = new Float64Array(M * N);
  for (let k = 0; k < K; k++) {
    for (let m = 0; m < M; m++) {
      const a = inp[k * M + m]!;
      for (let n = 0; n < N; n++) out[m * N + n]! += a * dout[k * N + n]!;
    }
  }
  return out;
}

/** dbias (N) of dout (M, N). */
export function columnSum(dout: Values, M: number, N: number): Float64Array {
  const out = new Float64Array(N);
  for (let m = 0; m < M; m++) for (let n = 0; n < N; n++) out[n]! += dout[m * N + n]!;
  return out;
}

/** inp + residual, elementwise: one value a sum, not yet stored. */
export function add(inp: Values, residual: Values): Float64Array {
  const out = new Float64Array(inp.length);
  for (let i = 0; i < out.length; i++) out[i] = inp[i]! + residual[i]!;
  return out;
}
