import { restoreState } from '../checkpoint/restore.ts';
import {
  changesOnResume,
  conditionsOf,
  type RecordedConditions,
  type RunChange,
} from '../checkpoint/runChanges.ts';
import type { RunFile } from '../checkpoint/runFile.ts';
import { Snapshots } from '../checkpoint/snapshot.ts';
import { microBatchesPerStep, type TrainConfig } from '../config/trainConfig.ts';
import { checkOptions } from '../core/checkOptions.ts';
import { EngineError } from '../core/errors.ts';
import { finite } from '../core/finite.ts';
import type { MemoryBytes } from '../core/memoryCategories.ts';
import type { Dataset } from '../data/dataset.ts';
import { type Arena, readTensor } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { isLost } from '../gpu/deviceAccess.ts';
import { FaultWatch } from '../gpu/faults.ts';
import type { Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import type { SubmitPace } from '../gpu/submitPace.ts';
import { byteLength, type Tensor } from '../gpu/tensor.ts';
import type { NumericsFrame } from '../inspect/frame.ts';
import { Numerics } from '../inspect/numerics.ts';
import type { SharpnessMetrics } from '../inspect/sharpness.ts';
import type { RecordedKernels } from '../kernels/kernelChoice.ts';
import { readStepState, type StepState } from '../kernels/stepState.ts';
import type { BestSoFar } from '../model/best.ts';
import { parameterCount } from '../model/decoder.ts';
import type { WeightsOfRun } from '../model/keptWeights.ts';
import { type MemoryPlan, withSampling, withSnapshot } from '../model/memoryPlan.ts';
import { frozenNames } from '../model/runState.ts';
import type { HalfStorage } from '../precision/formats.ts';
import { storesHalves } from '../precision/recipe.ts';
import { BestWeights } from './bestWeights.ts';
import { Evaluation } from './evaluation.ts';
import { metricsOf, type StepMetrics } from './metrics.ts';
import { type Phase, type Programs, phaseAfter } from './phases.ts';
import type { Generated, SampleOptions, SampleWatch } from './sampler.ts';
import { RunSampling } from './sampling.ts';
import type { StartChecksums } from './start.ts';
import { StepQueue } from './stepQueue.ts';
import type { StepResult } from './stepReadback.ts';
import type { TrainerParts } from './trainerParts.ts';
import { modelFlopsUtilization } from './utilization.ts';
import { computeCopies, uploadParameters } from './weights.ts';

/**
 * Trains one model on one device. It holds the buffers and compiled programs, and after construction creates nothing but
 * command buffers.
 */
export class Trainer {
  /** When its creation began, in milliseconds of `performance.now()`. @internal */
  readonly createdAt: number;
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  /** The report on its adapter. */
  readonly report: AdapterReport;
  /** @internal */
  readonly plan: MemoryPlan;
  /** How f16 is stored; null in modes without f16. */
  readonly storage: HalfStorage | null;
  /** Names of the parameters that are not trained. */
  readonly frozen: readonly string[];
  /** Number of trained values. A tied head is counted once, padding not at all. */
  readonly parameterCount: number;
  /** Kernels chosen for this adapter, which are saved with the run. */
  readonly kernels: RecordedKernels;
  readonly device: GPUDevice;
  /** @internal */
  readonly arena: Arena;
  /** Faults of the device that no call reports, such as its loss. @internal */
  readonly faults: FaultWatch;
  /** Histograms of the run's numbers, off by default. @internal */
  readonly numerics: Numerics;
  /** Decides how work is split into submissions. @internal */
  readonly pace: SubmitPace;
  /** Metrics that have arrived, oldest first, until `takeMetrics` removes them. @internal */
  readonly arrived: StepMetrics[] = [];
  readonly #phases: readonly Phase[];
  readonly #pipelines: PipelineCache;
  readonly #target: Target;
  readonly #steps: StepQueue;
  readonly #evaluation: Evaluation;
  readonly #best: BestWeights;
  readonly #samplings: ReadonlyMap<Phase, RunSampling>;
  readonly #start: () => StartChecksums;
  #snapshots: Snapshots | undefined;
  #longestSkips = 0;
  #firstLoss: number | null = null;
  #lastLoss: number | null = null;
  #changes: readonly RunChange[] = [];

  /** Use `createTrainer`. @internal */
  constructor(parts: TrainerParts) {
    this.createdAt = parts.createdAt;
    this.config = parts.config;
    this.dataset = parts.dataset;
    this.report = parts.report;
    this.plan = parts.plan;
    this.device = parts.device;
    this.arena = parts.arena;
    this.faults = new FaultWatch(parts.device);
    this.kernels = parts.kernels;
    this.#steps = new StepQueue(parts, (result) => this.#record(result));
    this.numerics = new Numerics({
      ...parts,
      submit: (program) => this.#steps.submit(program),
    });
    const submit = (program: keyof Programs) => this.#steps.submit(this.#steps.phase.programs[program]);
    this.#evaluation = new Evaluation(parts, submit);
    this.#best = new BestWeights(parts);
    this.#samplings = new Map(
      parts.phases.map((phase) => [phase, new RunSampling(parts, phase.tensors, submit)]),
    );
    this.pace = parts.pace;
    this.#phases = parts.phases;
    this.#pipelines = parts.pipelines;
    this.#target = parts.target;
    this.#start = parts.start;
    this.storage = storesHalves(parts.plan.tensors.recipe) ? parts.half : null;
    this.frozen = frozenNames(parts.plan.tensors);
    this.parameterCount = parameterCount(parts.plan.tensors.gpt);
  }

  /** Bytes on the GPU by category and in total, with the copies for snapshots and what the first sample has allocated. */
  get memory(): MemoryBytes {
    const sampling = [...this.#samplings.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    return withSampling(withSnapshot(this.plan.bytes, this.#snapshots?.bytes ?? 0), sampling);
  }

  /** Number of submitted steps, whether or not their metrics have arrived. */
  get submittedSteps(): number {
    return this.#steps.submitted;
  }

  /** Largest number of consecutive skips among steps whose metrics have arrived. Skips before a resume count too. */
  get longestSkips(): number {
    return this.#longestSkips;
  }

  /** Mean training loss of step 1 in nats; null when it was not finite or has not arrived yet. */
  get firstLoss(): number | null {
    return this.#firstLoss;
  }

  /** Mean training loss in nats of the newest step whose metrics have arrived; null when it was not finite, and before step 1. */
  get lastLoss(): number | null {
    return this.#lastLoss;
  }

  /** The steps from which a resumed run may differ from an uninterrupted one. Most runs have none. */
  get changes(): readonly RunChange[] {
    return this.#changes;
  }

  /** Number of readbacks in flight, at most the depth of the ring. @internal */
  get pendingReadbacks(): number {
    return this.#steps.pending;
  }

  /** Resolves when the metrics of all steps submitted so far have arrived. */
  get metricsArrived(): Promise<void> {
    return this.#steps.delivered;
  }

  /** Checksums of the initial weights and first batches. */
  get start(): StartChecksums {
    return this.#start();
  }

  /** Floating-point operations of the model's matmuls per trained token, forward and backward. */
  get flopsPerToken(): number {
    return this.plan.tensors.decoder.flopsPerToken;
  }

  /**
   * Submits one optimizer step with all its micro-batches, and queues one small readback. Never waits for the GPU.
   * @throws RangeError before anything is submitted when the readback ring is full; call {@link waitForRoom} first
   */
  step(): void {
    this.#steps.checkRoom();
    this.#steps.submitStep(this.numerics.beginStep(this.submittedSteps + 1));
    this.#sampling.forget();
    this.numerics.endStep();
    this.#steps.endStep();
    this.#enterPhase();
  }

  /**
   * Counts the gradients that the next step would have on its first batch, without taking it. One CPU-GPU sync.
   * @throws EngineError SHADER_COMPILE
   * @internal
   */
  countGradients(): Promise<NumericsFrame> {
    const count = microBatchesPerStep(this.config) / this.config.accumulation;
    return this.#steps.withoutStep((writeBatch) => this.numerics.countGradients(count, writeBatch));
  }

  /** Resolves as soon as a step can be queued. This is the only back-pressure between CPU and GPU. */
  waitForRoom(): Promise<void> {
    return this.#steps.waitForRoom();
  }

  /** Removes and returns the metrics that have arrived, oldest first. They arrive a few steps after theirs. Never waits. */
  takeMetrics(): StepMetrics[] {
    return this.arrived.splice(0);
  }

  /** Waits for every submitted step (a CPU-GPU sync). */
  async drain(): Promise<void> {
    await this.#steps.drain();
    await this.numerics.drain();
    await this.device.queue.onSubmittedWorkDone();
  }

  /**
   * Computes the mean validation loss in nats of the weights, or of their averages in runs with `emaDecay`, always over the same
   * `evalBatches` batches; null when it is not finite. One CPU-GPU sync for each 4 MiB of losses. Training state does not change.
   */
  evaluate(weights: 'master' | 'average' = 'master'): Promise<number | null> {
    return this.#evaluation.loss(weights);
  }

  /** The lowest validation loss so far, in runs with `keepBest` or `earlyStop`. */
  get best(): BestSoFar {
    return this.#best.best;
  }

  /** Whether `earlyStop` has ended the run. */
  get endedEarly(): boolean {
    return this.#best.hasEnded;
  }

  /** Whether an evaluation after the submitted steps would count for {@link best}. @internal */
  get countsEvaluation(): boolean {
    return this.#best.counts(this.submittedSteps);
  }

  /**
   * Counts a validation loss of the current weights, once for each step, and keeps these weights if it is the lowest. No CPU-GPU
   * sync. @internal
   */
  recordEvaluation(valLoss: number | null): void {
    this.#best.record(this.submittedSteps, valLoss);
  }

  /**
   * Measures the sharpness of the current weights, always on the same evaluation batch. One CPU-GPU sync. No state changes.
   * @throws RangeError when `sharpnessEvery` is 0
   */
  async sharpness(): Promise<SharpnessMetrics> {
    const { sharpness } = this.plan.tensors;
    if (!sharpness) throw new RangeError('sharpnessEvery is 0, so the run has no buffers for sharpness');
    return this.#evaluation.sharpness(this.submittedSteps, sharpness);
  }

  /** Model FLOPs utilization at `tokensPerSec`; see {@link modelFlopsUtilization}. */
  modelFlopsUtilization(tokensPerSec: number): Promise<number | null> {
    return modelFlopsUtilization(this, tokensPerSec);
  }

  /** Reads the step state: the loss scale of the next step, and counters. One CPU-GPU sync. */
  async state(): Promise<StepState> {
    return readStepState(await this.read(this.plan.tensors.state));
  }

  /**
   * Replaces every parameter; optimizer state and schedule stay. Waits for the GPU.
   * @param valuesOf returns (rows * columns) f32 of the parameter called `name`, in GPT-2's layout
   * @throws EngineError BAD_VALUE when it is not a function
   */
  async setParameters(valuesOf: (name: string) => Float32Array): Promise<void> {
    checkOptions('setParameters', { valuesOf }, { valuesOf: 'function' });
    const { tensors } = this.#steps.phase;
    await uploadParameters(this.device, this.arena, this.#pipelines, this.#target, tensors, valuesOf);
    this.#sampling.forget();
    this.calibrate();
  }

  /**
   * Restores a saved run's weights, optimizer states, loss scale and counters bit for bit. Waits for the GPU.
   * @throws EngineError WRONG_RUN or BAD_FILE, after which this trainer must not be used
   * @internal
   */
  async restore(run: RunFile): Promise<void> {
    const { tensors } = this.plan;
    const state = await restoreState(this.device, this.arena, this.config, tensors, run);
    this.#steps.submitted = state.attempted;
    this.#enterPhase();
    const now = this.#steps.phase.tensors;
    await computeCopies(this.device, this.arena, this.#pipelines, this.#target, now);
    await this.#best.restored((tensor) => this.read(tensor));
    this.#sampling.forget();
    this.#longestSkips = state.consecutiveSkips;
    this.#firstLoss = run.description.firstLoss;
    this.#lastLoss = state.attempted > 0 ? finite(state.lossSum) : null;
    this.#changes = changesOnResume(run.description, conditionsOf(this), this.submittedSteps + 1);
  }

  /** Marks a run that restarts from its seed after a lost device. Conditions that differ now are changes from step 1 on. @internal */
  restartFrom(before: RecordedConditions): void {
    this.#changes = changesOnResume(before, conditionsOf(this), 1);
  }

  /** Takes snapshots during training. The first call, before step 1, allocates staging buffers (one CPU-GPU sync). @internal */
  async snapshots(): Promise<Snapshots> {
    this.#snapshots ??= await Snapshots.allocate(this.device, this.arena, this.plan.tensors);
    return this.#snapshots;
  }

  /**
   * Continues a prompt and returns only the generated text, which is the same for the same seed. One CPU-GPU sync for each
   * token. Training state does not change.
   * @throws EngineError as {@link generate}
   */
  async sample(options: SampleOptions, watch?: SampleWatch): Promise<string> {
    return (await this.generate(options, watch)).text;
  }

  /**
   * As {@link sample}, with the ids of the tokens and their rate. The first call allocates a cache of keys and values. In modes
   * with a scale per tensor, activations have one per row here.
   * @param which `average` and `best` sample from what a run with `emaDecay` or `keepBest` keeps, during which no step may be taken
   * @throws EngineError BAD_VALUE for invalid options, BAD_TEXT naming the prompt's characters that are not in the
   * vocabulary, OUT_OF_MEMORY when there is none for the cache, or DEVICE_LOST
   */
  generate(options: SampleOptions, watch?: SampleWatch, which: WeightsOfRun = 'master'): Promise<Generated> {
    return this.#sampling.generate(options, watch, which).catch(async (error: unknown) => {
      const consequence = !(error instanceof EngineError) && (await isLost(this.device));
      throw consequence ? this.faults.explain(error) : error;
    });
  }

  /**
   * Returns the (V) f32 logits of the token that follows `context`. Of a context that is longer than T, at least the last T / 2
   * tokens are used. Tokens that the last call had too are not computed again. One CPU-GPU sync.
   * @throws EngineError BAD_VALUE for an empty context, and for values that are not tokens; OUT_OF_MEMORY as {@link generate}
   */
  nextTokenLogits(context: readonly number[]): Promise<Float32Array> {
    return this.#sampling.nextTokenLogits(context);
  }

  /** Reads the bytes of a planned tensor (one CPU-GPU sync). It creates a staging buffer, so it is not for use in a step. @internal */
  read(tensor: Tensor, bytes = byteLength(tensor)): Promise<ArrayBuffer> {
    return readTensor(this.device, this.arena, tensor, bytes);
  }

  /** Frees all its memory on the GPU; the device stays open. No other call is valid afterwards. */
  destroy(): void {
    for (const { programs } of this.#phases) for (const program of Object.values(programs)) program.destroy();
    this.#steps.destroy();
    this.numerics.destroy();
    this.#snapshots?.destroy();
    for (const sampling of this.#samplings.values()) sampling.destroy();
    this.faults.stop();
    this.arena.destroy();
  }

  /**
   * Before step 1, initialises delayed scales from the batches of step 1, because most gradients would underflow at a
   * scale of 1. It does nothing in other modes and after step 1.
   * @internal
   */
  calibrate(): void {
    if (this.submittedSteps === 0 && this.plan.tensors.scales?.history) this.#steps.calibrate();
  }

  /** Of the phase that the next step is in. */
  get #sampling(): RunSampling {
    return this.#samplings.get(this.#steps.phase)!;
  }

  #enterPhase(): void {
    this.numerics.enter(this.#phases.indexOf(this.#steps.phase));
  }

  #record(result: StepResult): void {
    const { state, gpuMs } = result;
    this.numerics.stepArrived(performance.now());
    this.pace.stepArrived(gpuMs);
    this.#longestSkips = Math.max(this.#longestSkips, state.consecutiveSkips);
    this.#lastLoss = finite(state.lossSum);
    if (state.attempted === 1) this.#firstLoss = this.#lastLoss;
    this.arrived.push(metricsOf(result, (site) => this.#siteName(state.attempted, site)));
  }

  #siteName(step: number, site: number): string {
    const { microBatch, optimizer } = phaseAfter(this.#phases, step - 1).programs;
    return microBatch.sites[site] ?? optimizer.sites[site - microBatch.sites.length] ?? `site ${site}`;
  }
}
