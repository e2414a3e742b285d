/** A model that only predicts: weights on a device without gradients or optimizer states. */
import { weightsOfRun } from '../checkpoint/modelFolder.ts';
import type { RunFile } from '../checkpoint/runFile.ts';
import type { GptConfig } from '../config/gptConfig.ts';
import { checkConfig, type TrainConfig } from '../config/trainConfig.ts';
import { badValue } from '../core/checkOptions.ts';
import { MadeOnce } from '../core/madeOnce.ts';
import { createTokenizer, loadTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { Arena } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { roughFlops } from '../gpu/roofline.ts';
import { SubmitPace } from '../gpu/submitPace.ts';
import { attentionCandidates, chooseHalf, makeTarget, matmulCandidates } from '../gpu/target.ts';
import { forwardTensors } from '../model/forwardTensors.ts';
import { planLimits } from '../model/memoryPlan.ts';
import { PRECISION_MODES, type Recipe, recipeFor, recipeOf } from '../precision/recipes.ts';
import { keepsSource } from '../precision/storage.ts';
import type { WeightsOnDevice } from './readingPrograms.ts';
import { checkTokens, type Generated, type SampleOptions, type SampleWatch } from './sampler.ts';
import { Sampling } from './sampling.ts';
import { type Score, Scorer } from './scorer.ts';
import { firstTokenOf } from './startToken.ts';
import { uploadParameters, writeAngles, writeInitialScales, writeLevels } from './weights.ts';

/** Share of the roughly measured FLOP rate that passes are assumed to reach. */
const ASSUMED_SHARE = 0.15;

export interface ForwardModelOptions {
  /** Returns (rows * columns) f32 of the parameter called `name`. */
  readonly valuesOf: (name: string) => Float32Array | Promise<Float32Array>;
  /**
   * As in LLM.int8(): inputs of linear layers are multiplied in a wider format in columns of a pass that have such a magnitude
   * (6 there). Only for modes whose weight gradients read what the codes of inputs are made from, as `int8-q`.
   */
  readonly outliers?: number | undefined;
}

export class ForwardModel {
  readonly config: TrainConfig;
  readonly tokenizer: Tokenizer;
  /** The model's shape. */
  readonly shape: GptConfig;
  readonly #arena: Arena;
  readonly #sampling: Sampling;
  readonly #scorer: MadeOnce<Scorer>;

  /** Use `openForwardModel`. @internal */
  constructor(config: TrainConfig, tokenizer: Tokenizer, arena: Arena, weights: WeightsOnDevice) {
    this.config = config;
    this.tokenizer = tokenizer;
    this.shape = weights.weights.gpt;
    this.#arena = arena;
    this.#sampling = new Sampling(weights, tokenizer, () => firstTokenOf(tokenizer));
    this.#scorer = new MadeOnce(() => Scorer.make(weights));
  }

  /** Bytes on the GPU: the weights, and what sampling and evaluation have allocated when they began. */
  get bytes(): number {
    return this.#arena.liveBytes + this.#sampling.bytes + (this.#scorer.made?.bytes ?? 0);
  }

  /**
   * Returns the (V) f32 logits of the token that follows `context`. Of a context that is longer than T, at least the last T / 2
   * tokens are used. Tokens that the last call had too are not computed again. One CPU-GPU sync.
   * @throws EngineError BAD_VALUE for an empty context, and for values that are not tokens; OUT_OF_MEMORY for the cache
   */
  nextTokenLogits(context: ArrayLike<number>): Promise<Float32Array> {
    return this.#sampling.nextTokenLogits(context);
  }

  /**
   * Continues `options.prompt`. One CPU-GPU sync for each token.
   * @throws EngineError BAD_VALUE for invalid options, BAD_TEXT naming the prompt's characters that are not in the vocabulary
   */
  generate(options: SampleOptions, watch?: SampleWatch): Promise<Generated> {
    return this.#sampling.generate(options, watch);
  }

  /**
   * Scores every token after the first once, in windows that move by half the context: each in the window in which it has the
   * longest context. One CPU-GPU sync for each pass.
   * @param onProgress called after each pass, with the number of scored tokens and of all that will be
   * @throws EngineError BAD_VALUE for fewer than two tokens, and for values that are not tokens
   */
  async score(tokens: ArrayLike<number>, onProgress?: (scored: number, of: number) => void): Promise<Score> {
    checkTokens(tokens, this.shape.vocabulary);
    if (tokens.length < 2) {
      throw badValue('The text has one token, so that none has a context.', 'Give a longer text.');
    }
    return (await this.#scorer.get()).score(tokens, onProgress);
  }

  /** Has the next call compute every token of its context. @internal */
  forget(): void {
    this.#sampling.forget();
  }

  /** Frees its memory on the GPU; the device stays open. No other call is valid afterwards. */
  destroy(): void {
    this.#sampling.destroy();
    this.#scorer.destroy();
    this.#arena.destroy();
  }
}

/**
 * Allocates the weights of a model and uploads them. Passes are compiled when they are first needed.
 * @param device owned by the caller: `destroy` leaves it open
 * @param report as `openDevice` returned it with the device
 * @param config the model's shape and the precision mode; what belongs to training alone is not used
 * @throws EngineError for configurations that the adapter cannot run (LIMIT_EXCEEDED, OUT_OF_MEMORY, SHADER_COMPILE, ...)
 */
export async function openForwardModel(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  tokenizer: Tokenizer,
  { valuesOf, outliers }: ForwardModelOptions,
): Promise<ForwardModel> {
  checkConfig(config, tokenizer.vocabulary);
  if (outliers !== undefined) checkOutliers(outliers, config);
  const limits = planLimits(device.limits);
  const tensors = forwardTensors(config, tokenizer.vocabulary, limits, outliers);
  const pipelines = new PipelineCache(device);
  const rate = (await roughFlops(device, pipelines, report)) * ASSUMED_SHARE;
  const target = makeTarget(report, chooseHalf(config.half, report), {
    matmul: matmulCandidates(report)[0]!,
    attention: attentionCandidates(report)[0],
    matrixShapes: [],
  });
  const arena = await Arena.allocate(
    device,
    tensors.planned.map(({ tensor }) => tensor),
  );
  try {
    writeInitialScales(device, arena, tensors);
    writeAngles(device, arena, tensors);
    writeLevels(device, arena, tensors, 'last');
    await uploadParameters(device, arena, pipelines, target, tensors, valuesOf);
  } catch (error) {
    arena.destroy();
    throw error;
  }
  const pace = new SubmitPace(rate / 1000, 1);
  const weights = { device, pipelines, target, pace, weights: tensors, arena };
  return new ForwardModel(config, tokenizer, arena, weights);
}

/**
 * The model of a saved run, which predicts with its weights. As {@link openForwardModel}; reads the file once.
 * @param config the run's own, or that in another precision mode
 * @param options as {@link openForwardModel}
 * @throws EngineError as {@link openForwardModel}; NOT_FINITE, BAD_FILE or WRONG_MODEL when the weights cannot be read
 */
export async function openModelOfRun(
  device: GPUDevice,
  report: AdapterReport,
  run: RunFile,
  config: TrainConfig = run.description.config,
  options: Pick<ForwardModelOptions, 'outliers'> = {},
): Promise<ForwardModel> {
  const valuesOf = await weightsOfRun(run, planLimits(device.limits));
  await loadTokenizer(run.description.tokenizer);
  return openForwardModel(device, report, config, createTokenizer(run.description.tokenizer), {
    ...{ valuesOf, ...options },
  });
}

/** @throws EngineError BAD_VALUE where the threshold is no magnitude, or the mode has no inputs to split */
function checkOutliers(outliers: number, config: TrainConfig): void {
  if (!(outliers >= 0 && Number.isFinite(outliers))) {
    throw badValue(`outliers is ${outliers}, which is no magnitude.`, 'LLM.int8() has 6.');
  }
  if (splitsInputs(recipeFor(config))) return;
  const modes = PRECISION_MODES.filter((mode) => splitsInputs(recipeOf(mode)));
  throw badValue(
    `outliers was given, and the inputs of ${config.precision} are not split.`,
    `Use ${modes.join(' or ')}, whose integers are made from a bf16 tensor that is kept.`,
  );
}

function splitsInputs(recipe: Recipe): boolean {
  const storage = recipe.storage('activation', { block: 0, blocks: 1 });
  return storage.format === 'i8' && keepsSource(storage);
}
