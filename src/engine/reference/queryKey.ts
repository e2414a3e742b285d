import type { AttentionShape } from './attention.ts';
import { rmsnormBackward, rmsnormForward } from './rmsnorm.ts';
import { type RopeOptions, ropeFrequencies, rotated } from './rope.ts';
import type { Values } from './store.ts';

/** What happens to q and k before attention: the norm of each head first, then the rotation. */
export interface QueryKeyOptions {
  readonly rope: RopeOptions | null;
  /** Gains (D) of RMSNorms of each head of q and of k. */
  readonly norm: { readonly q: Values; readonly k: Values; readonly epsilon: number } | null;
}

type QueryKeyShape = Pick<AttentionShape, 'B' | 'T' | 'H' | 'D' | 'G'>;

/** Where each head of q and k begins in packed qkv (B, T, H + 2 G, D). */
function* headsOf({ B, T, H, D, G = H }: QueryKeyShape) {
  for (let row = 0; row < B * T; row++) {
    for (let head = 0; head < H + G; head++) {
      yield { at: (row * (H + 2 * G) + head) * D, t: row % T, part: head < H ? 'q' : 'k' } as const;
    }
  }
}

/** qkv as attention reads it. */
export function queryKeyForward(
  qkv: Values,
  shape: QueryKeyShape,
  { rope, norm }: QueryKeyOptions,
): Float64Array {
  const { D } = shape;
  const out = Float64Array.from(qkv);
  const frequencies = rope && ropeFrequencies(D, rope);
  for (const { at, t, part } of headsOf(shape)) {
    let head: Values = out.slice(at, at + D);
    if (norm) head = rmsnormForward(head, norm[part], 1, D, norm.epsilon).out;
    if (frequencies) head = rotated(head, t, frequencies);
    out.set(head, at);
  }
  return out;
}

/** Gradients of {@link queryKeyForward}, of the same shapes; those of the gains are zero without a norm. */
export function queryKeyBackward(
  dout: Values,
  qkv: Values,
  shape: QueryKeyShape,
  { rope, norm }: QueryKeyOptions,
): { readonly dqkv: Float64Array; readonly dq: Float64Array; readonly dk: Float64Array } {
  const { D } = shape;
  const dqkv = Float64Array.from(dout);
  const gains = { q: new Float64Array(D), k: new Float64Array(D) };
  const frequencies = rope && ropeFrequencies(D, rope);
  for (const { at, t, part } of headsOf(shape)) {
    let head: Float64Array = dqkv.slice(at, at + D);
    if (frequencies) head = rotated(head, -t, frequencies);
    if (norm) {
      const inp = qkv.slice(at, at + D);
      const { rms } = rmsnormForward(inp, norm[part], 1, D, norm.epsilon);
      const { dinp, dweight } = rmsnormBackward(head, inp, norm[part], rms, 1, D);
      for (let d = 0; d < D; d++) gains[part][d]! += dweight[d]!;
      head = dinp;
    }
    dqkv.set(head, at);
  }
  return { dqkv, dq: gains.q, dk: gains.k };
}
