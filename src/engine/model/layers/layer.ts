import type { ParameterSpec } from '../parameters.ts';

/** A layer of the model. Its `forward`, whose arguments differ from layer to layer, also pushes its backward pass onto the tape. */
export interface Layer {
  /** In checkpoint order. */
  parameters(): ParameterSpec[];
  /** Multiply-adds per token in the forward pass. */
  readonly multiplyAdds: number;
}
