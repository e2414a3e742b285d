/** A run as its model is built: its configuration, and the tensors that are there before. */
import type { GptConfig } from '../config/gptConfig.ts';
import type { RecomputeLevel } from '../config/trainConfig.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { Parameter } from './chunks.ts';
import type { ScaleTable } from './scales.ts';
import type { TensorPlan } from './tensorPlan.ts';

/** What all passes of a run share. */
export interface ModelRun {
  readonly gpt: GptConfig;
  readonly recipe: Recipe;
  readonly recompute: RecomputeLevel;
  readonly tensorPlan: TensorPlan;
  /** Of a mode that stores operands multiplied by scales. */
  readonly scales: ScaleTable | undefined;
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Rows of each slice of a vocabulary matrix; the last may have fewer. */
  readonly vocabularyRows: number;
  /** Windows of a training or evaluation micro-batch. */
  readonly windows: number;
  /** Windows times context. */
  readonly rows: number;
  /** Tokens that the mean loss of a step is over. */
  readonly lossTokens: number;
  /** Largest binding, hence largest tensor, in bytes. */
  readonly maxBindingBytes: number;
  readonly tokens: Tensor;
  readonly targets: Tensor;
  readonly tokenStarts: Tensor;
  readonly tokenPositions: Tensor;
  /** Step state: where the loss is added, and the loss scale is read. */
  readonly state: Tensor;
  readonly lossSums: Tensor;
}
