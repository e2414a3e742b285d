/** The input of building a model: the configuration of the run, and the tensors that exist before. */
import type { GptConfig } from '../config/gptConfig.ts';
import type { RecomputeLevel } from '../config/trainConfig.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { RunLevels } from '../kernels/levels.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { SmoothSwiglu } from '../precision/smoothSwiglu.ts';
import type { Parameter } from './chunks.ts';
import type { ScaleTable } from './scales.ts';
import type { TensorPlan } from './tensorPlan.ts';

/** The configuration and tensors that all passes of a run share. */
export interface ModelRun {
  readonly gpt: GptConfig;
  readonly recipe: Recipe;
  readonly recompute: RecomputeLevel;
  /** Share that passes which train set to zero; 0 for none. */
  readonly dropout: number;
  /** How the product of gated MLPs is scaled before it is quantised. */
  readonly smoothSwiglu: SmoothSwiglu;
  readonly tensorPlan: TensorPlan;
  /** Present in modes that quantise operands with a scale per tensor. */
  readonly scales: ScaleTable | undefined;
  /** Present in modes that round operands to levels that are data. */
  readonly levels: RunLevels | null;
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Rows of each slice of a vocabulary matrix; the last may have fewer. */
  readonly vocabularyRows: number;
  /** Windows (sequences) of a training or evaluation micro-batch. */
  readonly windows: number;
  /** Windows times context. */
  readonly rows: number;
  /** Number of tokens over which the loss of a step is averaged. */
  readonly lossTokens: number;
  /** z of the z-loss; 0 for none. */
  readonly zLoss: number;
  /** Inputs of integer products are multiplied in a wider format where a column has such a magnitude; absent for none. */
  readonly outliers?: number | undefined;
  /** Size of the largest binding, and so of the largest tensor, in bytes. */
  readonly maxBindingBytes: number;
  /** (rows) u32 */
  readonly tokens: Tensor;
  /** (rows) u32 */
  readonly targets: Tensor;
  /** (T, D) f32: cosines and sines of RoPE's angles; undefined without RoPE. */
  readonly angles: Tensor | undefined;
  /** (Vp + 1) u32: where the positions of each token begin in `tokenPositions`. */
  readonly tokenStarts: Tensor;
  /** (rows) u32: the rows of the micro-batch sorted by token. */
  readonly tokenPositions: Tensor;
  /** (windows, 3 + T) u32: what differs between the windows of a micro-batch; null in runs that do not ask for it. */
  readonly windowTable: Tensor | null;
  /** Step state: losses are added to it, and the loss scale is read from it. */
  readonly state: Tensor;
  readonly lossSums: Tensor;
  /** Whether loss and gradient norm are summed in 64-bit integers. */
  readonly fixedSums: boolean;
  /** With z-loss: the mean of log Z in a step, (1) f32, and the sums that it is made of. */
  readonly logZ: { readonly sums: Tensor; readonly mean: Tensor } | null;
}
