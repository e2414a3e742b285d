/** Plans every tensor of a run, as a pure function of the configuration. The allocator follows this plan exactly. */
import { paddedVocabulary } from '../config/gptConfig.ts';
import { gptConfig, microBatchOf, type TrainConfig, tokensPerStep } from '../config/trainConfig.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { windowElements } from '../kernels/attentionOptions.ts';
import { normPartials } from '../kernels/optimizer.ts';
import { LOSS_SUM_WORDS, SHARPNESS_WIDTH } from '../kernels/rows.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import { delayedScaling, isCompound, roundsAtRandom, storagesOf } from '../precision/recipe.ts';
import { healedRecipe, recipeFor } from '../precision/recipes.ts';
import { tensorScale } from '../precision/storage.ts';
import { planAngles } from './angles.ts';
import { BEST_WORDS, followsBest } from './best.ts';
import { layoutParameters, type ParameterLayout } from './chunks.ts';
import { ownWeights, type ReadWeights } from './computeWeights.ts';
import { Decoder } from './decoder.ts';
import { healedParts } from './healing.ts';
import { planLevels } from './levels.ts';
import type { ModelRun } from './modelRun.ts';
import { histogramWords } from './numericsRows.ts';
import { Pass } from './pass.ts';
import { ScaleTable } from './scales.ts';
import { type PlannedTensor, TensorPlan } from './tensorPlan.ts';
import { planTensorSteps, type TensorSteps, tensorPartialCount } from './tensorSteps.ts';
import { updateRules } from './updateRules.ts';
import { type PlannedUpdate, planScratch, planUpdates, rmsTensors } from './updates.ts';

export interface RunTensors extends ParameterLayout, ModelRun, ReadWeights {
  readonly planned: readonly PlannedTensor[];
  readonly decoder: Decoder;
  /** A training micro-batch, whose operations are made once the adapter is known. */
  readonly training: Pass;
  /** The gradients of all trained chunks. */
  readonly gradients: readonly Tensor[];
  readonly updates: readonly PlannedUpdate[];
  /** Scratch tensors of the updates, by name. */
  readonly scratch: ReadonlyMap<string, Tensor>;
  /** Number of rows that the LM head processes at a time. */
  readonly headRows: number;
  readonly logits: Tensor;
  readonly losses: Tensor;
  /** (rows, 4) f32; null where sharpness is not measured. */
  readonly sharpness: Tensor | null;
  /** Holds a copy of `state` while a measurement overwrites its loss. */
  readonly stateAside: Tensor;
  readonly found: Tensor;
  /** The overflow flag of evaluation and sampling, which therefore never cause a training step to be skipped. */
  readonly evalFound: Tensor;
  /** The lowest validation loss so far, as `bestWords`; null where nothing depends on it. */
  readonly bestState: Tensor | null;
  readonly schedule: Tensor;
  readonly normPartials: Tensor;
  /** Null where a step is skipped as a whole. */
  readonly tensorSteps: TensorSteps | null;
  /** Whether moments leave no room for a larger loss scale; null without compound scaling. */
  readonly momentsFull: Tensor | null;
  /** Exponent counts for the numerics panel. */
  readonly histogram: Tensor;
  /** What the last steps of a run that heals use in place of this; null where all steps are alike. */
  readonly healed: RunTensors | null;
}

export interface PlanLimits {
  /** Size of the largest binding, and so of the largest tensor, in bytes. */
  readonly maxBindingBytes: number;
  /** Whether the run is saved during training. If so, a copy of its state is allocated too. */
  readonly saved?: boolean;
  /** Whether the parameter of that name is frozen. By default none is. */
  readonly frozen?: ((name: string) => boolean) | undefined;
}

/** WebGPU's default limit, which a plan without an adapter assumes. */
export const DEFAULT_LIMITS: PlanLimits = { maxBindingBytes: 128 * 2 ** 20 };

/**
 * Plans names, formats and sizes of all tensors of a run: its state, and the tensors that building a training micro-batch asks
 * for.
 * @throws EngineError LIMIT_EXCEEDED if a parameter exceeds the largest binding
 */
export function runTensors(config: TrainConfig, vocabulary: number, limits: PlanLimits): RunTensors {
  const gpt = gptConfig(config, vocabulary);
  const recipe = recipeFor(config);
  const windows = microBatchOf(config);
  const rows = windows * config.context;
  const { maxBindingBytes, frozen } = limits;
  const plan = new TensorPlan();
  const decoder = new Decoder(gpt);
  const all = decoder.parameters();
  const specs = frozen ? all.map((spec) => (frozen(spec.name) ? { ...spec, trainable: false } : spec)) : all;
  const layout = layoutParameters(specs, recipe, updateRules(config, recipe), maxBindingBytes, {
    average: config.emaDecay > 0,
    best: config.keepBest,
  });
  planChunks(plan, layout);
  const scales = storagesOf(recipe).some(tensorScale) ? new ScaleTable(delayedScaling(recipe)) : undefined;
  const { parameters, computeWeights, weightPartials } = ownWeights(plan, recipe, gpt, layout, scales);
  const updates = planUpdates(layout);
  const gradients = layout.chunks.flatMap(({ gradient }) => gradient ?? []);
  if (gradients.length === 0) throw new RangeError('All parameters are frozen: there is nothing to train');
  const found = plan.add('state', 'found inf', 'u32', 4);
  const run: ModelRun = {
    gpt,
    recipe,
    scales,
    levels: planLevels(plan, recipe, gpt.layers, computeWeights),
    parameters,
    windows,
    rows,
    maxBindingBytes,
    recompute: config.recompute,
    dropout: config.dropout,
    smoothSwiglu: config.smoothSwiglu,
    tensorPlan: plan,
    vocabularyRows: layout.vocabularyRows,
    lossTokens: tokensPerStep(config),
    zLoss: config.zLoss,
    ...planBatch(plan, { gpt, windows, rows, isRandom: config.dropout > 0 || roundsAtRandom(recipe) }),
    angles: planAngles(plan, gpt),
    state: plan.add('state', 'step state', 'u32', STEP_STATE_WORDS),
    ...planLossSums(plan, config),
  };
  const training = new Pass(run, { trains: true, windows, found });
  const { logits, losses } = decoder.train(training);
  scales?.complete(plan);
  const tensorSteps = planTensorSteps(plan, config, updates);
  const healing = healedRecipe(config);
  const healed = healing && healedParts(run, healing, layout, decoder, found);
  const scratch = planScratch(plan, updates);
  const words = [{ ...run, training }, ...(healed ? [healed] : [])].map((each) =>
    histogramWords(layout.specs, layout.chunks, each, each.training.stores, rmsTensors(updates, scratch)),
  );
  const tensors: RunTensors = {
    specs: layout.specs,
    chunks: layout.chunks,
    decoder,
    training,
    computeWeights,
    weightPartials,
    gradients,
    updates,
    logits,
    losses,
    found,
    planned: plan.planned,
    scratch,
    headRows: decoder.head.rowsAtOnce(run),
    sharpness:
      config.sharpnessEvery > 0 ? plan.add('logits', 'sharpness', 'f32', rows * SHARPNESS_WIDTH) : null,
    stateAside: plan.add('state', 'step state aside', 'u32', STEP_STATE_WORDS),
    evalFound: plan.add('state', 'evaluation found inf', 'u32', 4),
    bestState: followsBest(config) ? plan.add('state', 'best state', 'u32', BEST_WORDS) : null,
    schedule: plan.add('state', 'learning-rate schedule', 'f32', 4 * Math.max(1, config.steps)),
    normPartials: plan.add(
      'state',
      'gradient norm partial sums',
      'f32',
      tensorSteps
        ? tensorPartialCount(updates)
        : gradients.reduce((sum, { elements }) => sum + normPartials(elements), 0),
    ),
    tensorSteps,
    momentsFull: isCompound(recipe) ? plan.add('state', 'moments full', 'u32', 4) : null,
    histogram: plan.add('state', 'exponent counts', 'u32', Math.max(...words)),
    healed: null,
    // Engines are faster at adding many fields to a literal than at extending a copy.
    ...run,
  };
  plan.complete();
  return healed ? { ...tensors, healed: { ...tensors, ...healed } } : tensors;
}

/** @param isRandom whether anything differs between the windows of a micro-batch */
function planBatch(
  plan: TensorPlan,
  {
    gpt,
    windows,
    rows,
    isRandom,
  }: Pick<ModelRun, 'gpt' | 'windows' | 'rows'> & { readonly isRandom: boolean },
): Pick<ModelRun, 'tokens' | 'targets' | 'tokenStarts' | 'tokenPositions' | 'windowTable'> {
  return {
    tokens: plan.add('batch', 'tokens', 'u32', rows),
    targets: plan.add('batch', 'targets', 'u32', rows),
    tokenStarts: plan.add('batch', 'token starts', 'u32', paddedVocabulary(gpt) + 1),
    tokenPositions: plan.add('batch', 'token positions', 'u32', rows),
    windowTable: isRandom ? plan.add('batch', 'windows', 'u32', windowElements(windows, gpt.context)) : null,
  };
}

/** What the loss of a step and, with z-loss, its mean of log Z are summed in. */
function planLossSums(
  plan: TensorPlan,
  { sums, zLoss }: Pick<TrainConfig, 'sums' | 'zLoss'>,
): Pick<ModelRun, 'lossSums' | 'fixedSums' | 'logZ'> {
  return {
    lossSums: plan.add('state', 'loss sums', 'u32', LOSS_SUM_WORDS),
    fixedSums: sums === 'fx64',
    logZ:
      zLoss > 0
        ? {
            sums: plan.add('state', 'log Z sums', 'u32', LOSS_SUM_WORDS),
            mean: plan.add('state', 'log Z', 'f32', 4),
          }
        : null,
  };
}

export function planChunks(plan: TensorPlan, { chunks }: ParameterLayout): void {
  for (const chunk of chunks) {
    plan.include('masterWeights', chunk.master);
    plan.include('masterWeights', chunk.low);
    plan.include('masterWeights', chunk.compensation);
    plan.include('masterWeights', chunk.fixed);
    plan.include('masterWeights', chunk.best);
    plan.include('masterWeights', chunk.bestLow);
    plan.include('computeWeights', chunk.compute);
    plan.include('gradients', chunk.gradient);
    for (const state of Object.values(chunk.states)) plan.include('optimizer', state);
    plan.include('optimizer', chunk.groups);
    plan.include('optimizer', chunk.average);
  }
}
