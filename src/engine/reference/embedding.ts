import type { Values } from './store.ts';

/** out (B, T, C) = wte (V, C)[token] + wpe (T, C)[position], if there is one. */
export function embeddingForward(
  tokens: ArrayLike<number>,
  wte: Values,
  wpe: Values | null,
  B: number,
  T: number,
  C: number,
): Float64Array {
  const out = new Float64Array(B * T * C);
  for (let row = 0; row < B * T; row++) {
    for (let c = 0; c < C; c++) {
      const position = wpe ? wpe[(row % T) * C + c]! : 0;
      out[row * C + c] = wte[tokens[row]! * C + c]! + position;
    }
  }
  return out;
}

export interface EmbeddingGradients {
  /** (V, C) */
  readonly dwte: Float64Array;
  /** (T, C) */
  readonly dwpe: Float64Array;
}

/** Sums dout (B, T, C) by token and by position. */
export function embeddingBackward(
  dout: Values,
  tokens: ArrayLike<number>,
  B: number,
  T: number,
  C: number,
  V: number,
): EmbeddingGradients {
  const dwte = new Float64Array(V * C);
  const dwpe = new Float64Array(T * C);
  for (let row = 0; row < B * T; row++) {
    for (let c = 0; c < C; c++) {
      dwte[tokens[row]! * C + c]! += dout[row * C + c]!;
      dwpe[(row % T) * C + c]! += dout[row * C + c]!;
    }
  }
  return { dwte, dwpe };
}
