/** What a precision mode is, as data: recipes.ts has the table of those that the engine brings. */
import type { FormatId } from './formats.ts';
import type { Quantization } from './quantization.ts';
import type { SimulatedMode } from './simulated.ts';

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

export interface Recipe {
  readonly id: PrecisionMode;
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

/** The rows of the table, which menus and tables list. Modes computed from their names are not among them. */
export const PRECISION_MODES = [
  'fp32',
  'tf32',
  'fp16',
  'fp16-tf32',
  'fp16-static',
  'fp16-noscale',
  'fp16-pure',
  'bf16',
  'bf16-sr',
  'bf16-split',
  'fp8',
  'fp8-delayed',
] as const;
export type NamedMode = (typeof PRECISION_MODES)[number];
/** A mode that a program has defined: `defineMode`. No version of the engine brings one of such a name. */
export type CustomMode = `custom-${string}`;
/** A row of the table, a mode computed from its name, or a program's own. */
export type PrecisionMode = NamedMode | SimulatedMode | CustomMode;
