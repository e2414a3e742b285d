/** What a precision mode is, as data: recipes.ts has the table of those that the engine brings. */
import type { FormatId } from './formats.ts';
import type { Quantization } from './quantization.ts';

/** What a tensor is for. A recipe gives every role a format; kernels never see mode names. */
export type Role =
  /** x: input of a forward matmul, saved as rounded for dW (layer-norm and GELU outputs). */
  | 'activation'
  /** w: the matrix a forward matmul and its dX read. */
  | 'weight'
  /** dY operand: rounded copy of an output gradient, read only by dX and dW matmuls. */
  | 'outputGradient'
  | 'residual'
  | 'residualGradient'
  /** q, k, v, the attention output and their gradients. */
  | 'attention'
  /** What GELU's backward needs. */
  | 'preActivation'
  /** dW, bias and layer-norm gradients as they are accumulated. */
  | 'gradient'
  /** The copy AdamW updates; embeddings, biases and layer-norm parameters are read from it. */
  | 'master'
  | 'firstMoment'
  | 'secondMoment';

export type ScalingPolicy =
  | { readonly kind: 'none' }
  | { readonly kind: 'static'; readonly scale: number }
  | {
      readonly kind: 'dynamic';
      readonly initialScale: number;
      readonly growthInterval: number;
    };

/**
 * How AdamW writes weights that are no f32: to nearest; up or down at random, so that updates below half a step count on
 * average; or in two halves, of which the upper is what the model reads and the lower keeps the digits that it drops.
 */
export type MasterRounding = 'nearest' | 'stochastic' | 'split';

/** A precision mode, but for its name. */
export interface RecipeRow {
  readonly title: string;
  /** One line that is true on every adapter. */
  readonly summary: string;
  readonly roles: Readonly<Record<Role, FormatId>>;
  /** Of role `master`; `stochastic` and `split` are for bf16. */
  readonly masterRounding: MasterRounding;
  readonly scaling: ScalingPolicy;
  /** Narrower copies that matmuls read, where a mode has them; `roles` then says what they are made from. */
  readonly quantization?: Quantization;
  /** Exists to be seen failing: the page says so before it starts. */
  readonly unsound: boolean;
}
