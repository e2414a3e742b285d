import type { ParameterSpec } from '../parameters.ts';

/** What a model is made of. `forward`, whose arguments differ, also leaves the layer's backward pass on the tape. */
export interface Layer {
  /** In checkpoint order. */
  parameters(): ParameterSpec[];
  /** Multiply-adds of the forward pass for each token. */
  readonly multiplyAdds: number;
}
