/** Every tensor of a run, as a pure function of the configuration: the plan that the allocator follows exactly. */

import { type GptConfig, headSize, paddedVocabulary } from '../config/gptConfig.ts';
import { gptConfig, microBatchOf, type RecomputeLevel, type TrainConfig } from '../config/trainConfig.ts';
import type { MemoryCategory } from '../core/memoryCategories.ts';
import { type ElementType, type Operand, slice, type Tensor, type TensorSlice } from '../gpu/tensor.ts';
import { NORM_PARTIALS, PARAMETER_STATE_WORDS, statisticsGroups } from '../kernels/optimizer.ts';
import { LOSS_SUM_WORDS, rowBlocks, SHARPNESS_WIDTH } from '../kernels/rows.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import { partialElements } from '../kernels/weightGradient.ts';
import { type MomentFormats, momentsOf } from '../precision/optimStates.ts';
import { type Recipe, type Role, recipeFor, roundsResidualGradient } from '../precision/recipes.ts';
import { type BlockTensors, planBlocks } from './blocks.ts';
import {
  layoutParameters,
  type Parameter,
  type ParameterLayout,
  paddedElements,
  partName,
  withComputeWeights,
} from './chunks.ts';
import { histogramWords, narrowedWeights } from './numericsRows.ts';
import { isVocabularyMatrix, type ParameterSpec, parameterSpecs } from './parameters.ts';
import { planScales, type QuantizedParts, type QuantizedTensors, scaledBy } from './scales.ts';

export interface PlannedTensor {
  readonly tensor: Tensor;
  readonly category: MemoryCategory;
}

export interface RunTensors extends ParameterLayout, QuantizedParts {
  readonly planned: readonly PlannedTensor[];
  readonly gpt: GptConfig;
  readonly recipe: Recipe;
  readonly moments: MomentFormats;
  /** Where AdamW needs to know whole parameters, in the order of `parameters`; see shaders/lib/parameter_state.wgsl. */
  readonly parameterStates: Tensor | undefined;
  readonly statistics: Tensor | undefined;
  readonly rows: number;
  /** Rows of the batch that the LM head works on at a time. */
  readonly headRows: number;
  readonly tokens: Tensor;
  readonly targets: Tensor;
  readonly tokenStarts: Tensor;
  readonly tokenPositions: Tensor;
  readonly residual0: Tensor;
  /** What `blocks` share, and the backward pass so recomputes. */
  readonly recompute: RecomputeLevel;
  readonly blocks: readonly BlockTensors[];
  readonly normF: Operand;
  readonly statsF: Tensor;
  readonly logits: Tensor;
  readonly dlogits: Tensor;
  readonly losses: Tensor;
  /** (rows, 4) f32; null where sharpness is not measured. */
  readonly sharpness: Tensor | null;
  readonly dresidual: Tensor;
  /** The dY operand made from `dresidual`; the same tensor where the recipe does not round it. */
  readonly dresidualOperand: Tensor;
  readonly dnorm: Tensor;
  readonly dpreActivation: Tensor;
  readonly dattention: Tensor;
  readonly dqkv: Tensor;
  readonly dots: Tensor;
  readonly partials: Tensor;
  readonly state: Tensor;
  /** A copy of `state` while something is measured that would leave its loss there. */
  readonly stateAside: Tensor;
  /** What the step's loss is summed up in; see shaders/loss_sum.wgsl. */
  readonly lossSums: Tensor;
  readonly found: Tensor;
  /** Evaluation and sampling report here, so that they never skip a training step. */
  readonly evalFound: Tensor;
  readonly schedule: Tensor;
  readonly normPartials: Tensor;
  readonly sampleRow: Operand;
  /** Exponent counts for the numerics panel. */
  readonly histogram: Tensor;
}

export interface PlanLimits {
  /** Largest binding, hence largest tensor, in bytes. */
  readonly maxBindingBytes: number;
  /** True where the run is saved while it goes on: a copy of its state then lies beside it. */
  readonly saved?: boolean;
}

/** WebGPU's default, what a plan without an adapter assumes. */
export const DEFAULT_LIMITS: PlanLimits = { maxBindingBytes: 128 * 2 ** 20 };

/**
 * Names, formats and sizes of all tensors of a run.
 * @throws EngineError LIMIT_EXCEEDED when a parameter does not fit one binding
 */
export function runTensors(config: TrainConfig, vocabulary: number, limits: PlanLimits): RunTensors {
  const gpt = gptConfig(config, vocabulary);
  const recipe = recipeFor(config);
  const { context: T, width: C, heads: H } = config;
  const B = microBatchOf(config);
  const rows = B * T;
  const paddedV = paddedVocabulary(gpt);
  const planned: PlannedTensor[] = [];
  const add = (category: MemoryCategory, name: string, type: ElementType, elements: number): Tensor => {
    const tensor = { name, type, elements };
    planned.push({ tensor, category });
    return tensor;
  };
  const saved = (name: string, role: Role, elements: number): Tensor =>
    add('activations', name, recipe.roles[role], elements);
  const savedF32 = (name: string, elements: number): Tensor => add('activations', name, 'f32', elements);
  const gradient = (name: string, type: ElementType, elements: number): Tensor =>
    add('activationGradients', name, type, elements);

  const moments = momentsOf(recipe, config.optimState);
  const layout = layoutParameters(parameterSpecs(gpt), recipe, moments, limits.maxBindingBytes);
  const wholeParameters = config.optimizer === 'stable-adamw' || moments.scale === 'parameter';
  for (const chunk of layout.chunks) {
    planned.push({ tensor: chunk.master, category: 'masterWeights' });
    if (chunk.low) planned.push({ tensor: chunk.low, category: 'masterWeights' });
    if (chunk.compute) planned.push({ tensor: chunk.compute, category: 'computeWeights' });
    planned.push({ tensor: chunk.gradient, category: 'gradients' });
    planned.push(
      { tensor: chunk.firstMoment, category: 'optimizer' },
      { tensor: chunk.secondMoment, category: 'optimizer' },
    );
    if (chunk.groups) planned.push({ tensor: chunk.groups, category: 'optimizer' });
  }
  const headRows = lmHeadRows(rows, paddedV, limits);
  const { quantized, ...weights } = quantizedWeights(config, recipe, layout, headRows * paddedV, add);
  const narrowed = narrowedOperands(config, quantized) + narrowedWeights(weights.parameters).length;
  const { outputGradient, residualGradient, attention } = recipe.roles;
  /** What the LM head reads: all rows, or the sampled one, which is copied as it is stored and so has their scale. */
  const headInput = (category: MemoryCategory, name: string, elements: number): Operand =>
    quantized?.head
      ? scaledBy(quantized, 'ln_f', add(category, name, quantized.formats.activation, elements), elements)
      : add(category, name, recipe.roles.activation, elements);
  const residual0 = saved('embedding', 'residual', rows * C);
  const dresidual = gradient('residual gradient', residualGradient, rows * C);
  return {
    ...layout,
    ...weights,
    quantized,
    planned,
    gpt,
    recipe,
    moments,
    parameterStates: wholeParameters
      ? add('optimizer', 'parameter states', 'f32', PARAMETER_STATE_WORDS * layout.parameters.size)
      : undefined,
    statistics: wholeParameters
      ? add('state', 'parameter statistics', 'f32', 4 * statisticsPartials(layout))
      : undefined,
    rows,
    headRows,
    tokens: add('batch', 'tokens', 'u32', rows),
    targets: add('batch', 'targets', 'u32', rows),
    tokenStarts: add('batch', 'token starts', 'u32', paddedV + 1),
    tokenPositions: add('batch', 'token positions', 'u32', rows),
    residual0,
    recompute: config.recompute,
    blocks: planBlocks(config, recipe, residual0, add, quantized),
    normF: headInput('activations', 'ln_f', rows * C),
    statsF: savedF32('ln_f.stats', rows * 2),
    logits: add('logits', 'logits', 'f32', headRows * paddedV),
    dlogits: add('logits', 'logits gradient', outputGradient, headRows * paddedV),
    losses: add('logits', 'losses', 'f32', rows),
    sharpness: config.sharpnessEvery > 0 ? add('logits', 'sharpness', 'f32', rows * SHARPNESS_WIDTH) : null,
    dresidual,
    dresidualOperand: roundsResidualGradient(recipe)
      ? gradient('residual gradient operand', outputGradient, rows * C)
      : dresidual,
    dnorm: gradient('layer norm gradient', 'f32', rows * C),
    // Nothing else is in the scratch tensor then.
    dpreActivation: quantized?.wide ?? gradient('mlp.c_fc gradient', outputGradient, rows * 4 * C),
    dattention: gradient('attention output gradient', attention, rows * C),
    dqkv: gradient('attn.c_attn gradient', attention, rows * 3 * C),
    dots: gradient('attention row dots', 'f32', B * H * T),
    partials: gradient(
      'partial sums',
      'f32',
      Math.max(rowBlocks(rows) * 4 * C, partialSums(layout, rows, headRows, limits)),
    ),
    state: add('state', 'step state', 'u32', STEP_STATE_WORDS),
    stateAside: add('state', 'step state aside', 'u32', STEP_STATE_WORDS),
    lossSums: add('state', 'loss sums', 'u32', LOSS_SUM_WORDS),
    found: add('state', 'found inf', 'u32', 4),
    evalFound: add('state', 'evaluation found inf', 'u32', 4),
    schedule: add('state', 'learning-rate schedule', 'f32', 4 * Math.max(1, config.steps)),
    normPartials: add('state', 'gradient norm partial sums', 'f32', NORM_PARTIALS * layout.chunks.length),
    sampleRow: headInput('state', 'sampled row', C),
    histogram: add('state', 'exponent counts', 'u32', histogramWords(gpt, recipe, narrowed)),
  };
}

/** How many tensors are stored at a scale as they are made, at most. */
function narrowedOperands({ layers }: TrainConfig, quantized: QuantizedTensors | undefined): number {
  if (!quantized) return 0;
  // The inputs of two layer norms and of GELU.
  return quantized.activationRecords + (quantized.activations === '1x16' ? 3 * layers : 0);
}

/** Scales, and tensors of their own for the weights that matmuls read, where a mode has quantised operands. */
function quantizedWeights(
  config: TrainConfig,
  { roles, quantization }: Recipe,
  { parameters }: ParameterLayout,
  logits: number,
  add: (category: MemoryCategory, name: string, type: ElementType, elements: number) => Tensor,
): QuantizedParts & Pick<RunTensors, 'parameters'> {
  if (!quantization) return { quantized: undefined, parameters, computeWeights: [] };
  const isQuantized = ({ name, matmul }: ParameterSpec): boolean =>
    matmul && (quantization.head || !isVocabularyMatrix(name));
  const names = [...parameters].flatMap(([name, { spec, parts }]) =>
    isQuantized(spec) ? parts.map((part) => partName(name, part, parts)) : [],
  );
  const quantized = planScales(quantization, config, names, logits, roles.activation, add);
  const weightOf = (name: string, spec: ParameterSpec, elements: number): TensorSlice => {
    const type = isQuantized(spec) ? quantization.formats.weight : roles.weight;
    const tensor = add('computeWeights', `${name}#compute`, type, elements);
    return isQuantized(spec) ? scaledBy(quantized, name, tensor, elements) : slice(tensor, 0, elements);
  };
  return { quantized, ...withComputeWeights(parameters, weightOf) };
}

/** Partial sums of all parts of all parameters, in their order. */
function statisticsPartials({ parameters }: ParameterLayout): number {
  return [...parameters.values()].reduce((sum, parameter) => sum + partialsOf(parameter), 0);
}

function partialsOf({ parts }: Parameter): number {
  return parts.reduce((sum, part) => sum + statisticsGroups(paddedElements(part)), 0);
}

/** The most that the partial sums of any weight gradient take. */
function partialSums(
  { parameters }: ParameterLayout,
  rows: number,
  headRows: number,
  { maxBindingBytes }: PlanLimits,
): number {
  const needs = [...parameters.values()].flatMap(({ spec, parts }) => {
    if (!spec.matmul) return [];
    const k = isVocabularyMatrix(spec.name) ? Math.min(rows, headRows) : rows;
    return parts.map((part) => partialElements(part.rows, spec.columns, k, maxBindingBytes / 4));
  });
  return Math.max(0, ...needs);
}

/** Rows of a slice are bound at 256-byte boundaries: 64 rows of anything are a multiple of that. */
const HEAD_ROW_STEP = 64;
const MAX_HEAD_ROWS = 1024;

/** At most half of the batch, so that its logits never exist at once; fewer where a binding would be too large. */
function lmHeadRows(rows: number, paddedV: number, limits: PlanLimits): number {
  const half = Math.ceil(rows / 2 / HEAD_ROW_STEP) * HEAD_ROW_STEP;
  const fits = Math.floor(limits.maxBindingBytes / (4 * paddedV) / HEAD_ROW_STEP) * HEAD_ROW_STEP;
  return Math.max(HEAD_ROW_STEP, Math.min(half, fits, MAX_HEAD_ROWS));
}

/** D of the design's letters, for kernels. */
export function attentionShape(
  tensors: RunTensors,
  batch: number,
): {
  batch: number;
  context: number;
  heads: number;
  headSize: number;
} {
  const { gpt } = tensors;
  return { batch, context: gpt.context, heads: gpt.heads, headSize: headSize(gpt) };
}
