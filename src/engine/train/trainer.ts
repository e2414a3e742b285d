import { restoreState } from '../checkpoint/restore.ts';
import { type ComputedSoFar, changesOnResume, computedBy, type RunChange } from '../checkpoint/runChanges.ts';
import type { RunFile } from '../checkpoint/runFile.ts';
import { Snapshots } from '../checkpoint/snapshot.ts';
import { microBatchesPerStep, type TrainConfig } from '../config/trainConfig.ts';
import { checkOptions } from '../core/checkOptions.ts';
import { EngineError } from '../core/errors.ts';
import { finite } from '../core/finite.ts';
import type { MemoryBytes } from '../core/memoryCategories.ts';
import type { Batch } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import { type Arena, readTensor } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { isLost } from '../gpu/deviceAccess.ts';
import { FaultWatch } from '../gpu/faults.ts';
import { GpuClock, STAMP_BYTES, stepMilliseconds } from '../gpu/gpuClock.ts';
import type { Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import type { PassStamps, Program } from '../gpu/program.ts';
import { ReadbackRing } from '../gpu/readbackRing.ts';
import { type SubmitPace, submitPaced } from '../gpu/submitPace.ts';
import { byteLength, type Tensor } from '../gpu/tensor.ts';
import type { NumericsFrame } from '../inspect/frame.ts';
import { Numerics } from '../inspect/numerics.ts';
import type { SharpnessMetrics } from '../inspect/sharpness.ts';
import type { RecordedKernels } from '../kernels/kernelChoice.ts';
import { readStepState, STEP_STATE_WORDS, type StepState } from '../kernels/stepState.ts';
import { parameterCount } from '../model/decoder.ts';
import { type MemoryPlan, withSnapshot } from '../model/memoryPlan.ts';
import type { HalfStorage } from '../precision/formats.ts';
import { storesHalves } from '../precision/recipe.ts';
import { Evaluation } from './evaluation.ts';
import { metricsOf, type StepMetrics } from './metrics.ts';
import { checkTokens, type SampleOptions, type SampleWatch, sampleText } from './sampler.ts';
import type { StartChecksums } from './start.ts';
import type { Programs, TrainerParts } from './trainerParts.ts';
import { modelFlopsUtilization } from './utilization.ts';
import { computeCopies, forgetOverflow, uploadParameters } from './weights.ts';
import { writeTrainingBatch } from './writeBatch.ts';

const STATE_BYTES = STEP_STATE_WORDS * 4;

/**
 * One model in training on one device: buffers, compiled programs and the step. Nothing is created after
 * construction except command buffers.
 */
export class Trainer {
  /** When making it began, on the clock of `performance.now()`. @internal */
  readonly createdAt: number;
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  /** Of the adapter that it is on. */
  readonly report: AdapterReport;
  /** @internal */
  readonly plan: MemoryPlan;
  /** How halves are stored; null where the mode has none. */
  readonly storage: HalfStorage | null;
  /** Learned numbers, those of a tied head once, padding left out. */
  readonly parameterCount: number;
  /** Kernel choices made for this adapter, stored with the run. */
  readonly kernels: RecordedKernels;
  readonly device: GPUDevice;
  /** @internal */
  readonly arena: Arena;
  /** What went wrong on the device outside any call. @internal */
  readonly faults: FaultWatch;
  /** Histograms of what the run's numbers are; off until it is switched on. @internal */
  readonly numerics: Numerics;
  /** How its work is cut into submissions. @internal */
  readonly pace: SubmitPace;
  /** Metrics that have arrived, oldest first, until `takeMetrics` gives them out. @internal */
  readonly arrived: StepMetrics[] = [];
  readonly #programs: Programs;
  readonly #pipelines: PipelineCache;
  readonly #target: Target;
  readonly #clock: GpuClock | null;
  readonly #ring: ReadbackRing;
  readonly #evaluation: Evaluation;
  readonly #trainingBatch: (index: number) => Batch;
  readonly #start: () => StartChecksums;
  #snapshots: Snapshots | undefined;
  #submitted = 0;
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
    this.numerics = new Numerics({
      ...parts,
      tensors: parts.plan.tensors,
      submit: (program) => this.#submit(program),
    });
    this.#evaluation = new Evaluation(parts, (program) => this.#submit(parts.programs[program]));
    this.pace = parts.pace;
    this.#programs = parts.programs;
    this.#pipelines = parts.pipelines;
    this.#target = parts.target;
    this.#trainingBatch = parts.batches;
    this.#start = parts.start;
    this.storage = storesHalves(parts.plan.tensors.recipe) ? parts.half : null;
    this.parameterCount = parameterCount(parts.plan.tensors.gpt);
    this.#clock = GpuClock.of(parts.device);
    this.#ring = new ReadbackRing(parts.device, STATE_BYTES + (this.#clock ? STAMP_BYTES : 0), (bytes) =>
      this.#record(readStepState(bytes), this.#clock ? stepMilliseconds(bytes.slice(STATE_BYTES)) : null),
    );
  }

  /** Bytes on the GPU by category and in total, the copy for saving included where there is one. */
  get memory(): MemoryBytes {
    return withSnapshot(this.plan.bytes, this.#snapshots?.bytes ?? 0);
  }

  /** Steps submitted, whether or not their metrics have arrived. */
  get submittedSteps(): number {
    return this.#submitted;
  }

  /** The most steps skipped in a row, of those whose metrics have arrived; a resumed run's includes those before it. */
  get longestSkips(): number {
    return this.#longestSkips;
  }

  /** Mean training loss in nats of step 1; null when it was not finite, and until its metrics have arrived. */
  get firstLoss(): number | null {
    return this.#firstLoss;
  }

  /** Of the newest step whose metrics have arrived, or that a saved run ended with; null when it was not finite, and before step 1. */
  get lastLoss(): number | null {
    return this.#lastLoss;
  }

  /** Since when a run that was gone on with may have other numbers than an undisturbed one; empty for most. */
  get changes(): readonly RunChange[] {
    return this.#changes;
  }

  /** Readbacks that the GPU has not answered yet: at most the ring's depth. @internal */
  get pendingReadbacks(): number {
    return this.#ring.pending;
  }

  /** Resolves when the metrics of all steps submitted by now have arrived. */
  get metricsArrived(): Promise<void> {
    return this.#ring.delivered;
  }

  /** What the run began with, whatever was trained since. */
  get start(): StartChecksums {
    return this.#start();
  }

  /** Floating-point operations of the model's matmuls for one trained token, forward and backward. */
  get flopsPerToken(): number {
    return this.plan.tensors.decoder.flopsPerToken;
  }

  /**
   * Submits one optimizer step, all its micro-batches, and queues one small readback. Never waits for the GPU.
   * @throws RangeError before anything is submitted when the readback ring is full: {@link waitForRoom} comes first
   */
  step(): void {
    if (this.#ring.isFull) throw new RangeError('The readback ring is full: wait for room before a step');
    const microBatch = this.numerics.beginStep(this.#submitted + 1) ?? this.#programs.microBatch;
    this.#runMicroBatches(microBatch, this.#clock?.start);
    this.#submit(this.#programs.optimizer, this.#clock?.end);
    this.numerics.endStep();
    this.pace.stepSubmitted();
    const state = this.arena.buffer(this.plan.tensors.state);
    this.#ring.push(this.device, (encoder, to) => {
      encoder.copyBufferToBuffer(state, 0, to, 0, STATE_BYTES);
      this.#clock?.read(encoder, to, STATE_BYTES);
    });
    this.#submitted += 1;
  }

  /**
   * Histograms of the gradients that the next step would have on its first batch. Takes no step and changes none to
   * come. One sync.
   * @throws EngineError SHADER_COMPILE
   * @internal
   */
  async countGradients(): Promise<NumericsFrame> {
    const putBack = this.#setStateAside();
    try {
      this.#submit(this.#programs.begin);
      const perStep = microBatchesPerStep(this.config);
      return await this.numerics.countGradients(perStep / this.config.accumulation, (index) =>
        this.#writeTrainingBatch(this.#submitted * perStep + index),
      );
    } finally {
      putBack();
    }
  }

  /** Resolves as soon as a step can be queued: the only back-pressure between CPU and GPU. */
  waitForRoom(): Promise<void> {
    return this.#ring.waitForRoom();
  }

  /** Metrics that have arrived since the last call, oldest first: one a step, a few steps after it. Never waits. */
  takeMetrics(): StepMetrics[] {
    return this.arrived.splice(0);
  }

  /** Waits for every submitted step (a CPU-GPU sync). */
  async drain(): Promise<void> {
    await this.#ring.drain();
    await this.numerics.drain();
    await this.device.queue.onSubmittedWorkDone();
  }

  /**
   * Mean validation loss in nats over the same `evalBatches` batches every time; null when not finite. A sync for each 4 MiB
   * of losses. Reads weights only: training state does not change.
   */
  evaluate(): Promise<number | null> {
    return this.#evaluation.loss();
  }

  /**
   * Sharpness of the weights as they are, on the first evaluation batch, the same every time. One sync. Reads weights only:
   * training state does not change.
   * @throws RangeError where the run was not configured to measure it
   */
  async sharpness(): Promise<SharpnessMetrics> {
    const { sharpness } = this.plan.tensors;
    if (!sharpness) throw new RangeError('sharpnessEvery is 0: nothing was planned to measure sharpness');
    return this.#evaluation.sharpness(this.#submitted, sharpness);
  }

  /** Share of the f32 peak that `tokensPerSec` is: {@link modelFlopsUtilization}. */
  modelFlopsUtilization(tokensPerSec: number): Promise<number | null> {
    return modelFlopsUtilization(this, tokensPerSec);
  }

  /** Loss scale that the next step will use, and counters (a CPU-GPU sync). */
  async state(): Promise<StepState> {
    return readStepState(await this.read(this.plan.tensors.state));
  }

  /**
   * Replaces every parameter; optimizer state and schedule stay. Waits for the GPU.
   * @param valuesOf (rows * columns) f32 of the parameter called `name`, GPT-2 layout
   * @throws EngineError BAD_VALUE where it is no function
   */
  async setParameters(valuesOf: (name: string) => Float32Array): Promise<void> {
    checkOptions('setParameters', { valuesOf }, { valuesOf: 'function' });
    const { device, arena, plan } = this;
    await uploadParameters(device, arena, this.#pipelines, this.#target, plan.tensors, valuesOf);
    this.calibrate();
  }

  /**
   * Puts a saved run's weights, moments, loss scale and counters in the place of this run's, bit by bit. Waits for the GPU.
   * @throws EngineError WRONG_RUN or BAD_FILE; this trainer is then to be thrown away
   * @internal
   */
  async restore(run: RunFile): Promise<void> {
    const { tensors } = this.plan;
    const state = await restoreState(this.device, this.arena, this.config, tensors, run);
    await computeCopies(this.device, this.arena, this.#pipelines, this.#target, tensors);
    this.#submitted = state.attempted;
    this.#longestSkips = state.consecutiveSkips;
    this.#firstLoss = run.description.firstLoss;
    this.#lastLoss = state.attempted > 0 ? finite(state.lossSum) : null;
    this.#changes = changesOnResume(run.description, computedBy(this), this.#submitted + 1);
  }

  /** It was trained before, and nothing of that is left but what was told: what is another now is a change from step 1 on. @internal */
  beginAgain(before: ComputedSoFar): void {
    this.#changes = changesOnResume(before, computedBy(this), 1);
  }

  /** What copies this run's state while it goes on. The first call allocates its staging (one sync): before step 1. @internal */
  async snapshots(): Promise<Snapshots> {
    this.#snapshots ??= await Snapshots.allocate(this.device, this.arena, this.plan.tensors);
    return this.#snapshots;
  }

  /**
   * Continues a prompt with text of the model, and returns only that; the same seed writes the same. One forward pass over
   * the context and one sync a token. Training state does not change.
   * @throws EngineError BAD_VALUE for options that cannot be, BAD_TEXT naming the prompt's characters that the training text lacks, or DEVICE_LOST
   */
  sample(options: SampleOptions, watch?: SampleWatch): Promise<string> {
    return sampleText(this, options, watch).catch(async (error: unknown) => {
      const consequence = !(error instanceof EngineError) && (await isLost(this.device));
      throw consequence ? this.faults.explain(error) : error;
    });
  }

  /**
   * (V) f32 logits of the token after `context` tokens, newest last, one for each of the tokenizer's; of longer contexts the
   * last T count. One sync.
   * @throws EngineError BAD_VALUE for an empty context, and for what is no token
   */
  async nextTokenLogits(context: readonly number[]): Promise<Float32Array> {
    checkTokens(context, this.plan.tensors.gpt.vocabulary);
    return this.#evaluation.nextTokenLogits(context);
  }

  /** Bytes of a tensor of the plan (a CPU-GPU sync). Creates a staging buffer: not for use inside a step. @internal */
  read(tensor: Tensor, bytes = byteLength(tensor)): Promise<ArrayBuffer> {
    return readTensor(this.device, this.arena, tensor, bytes);
  }

  /** Frees everything that it holds on the GPU; the device stays open. No other call is valid afterwards. */
  destroy(): void {
    for (const program of Object.values(this.#programs)) program.destroy();
    this.#ring.destroy();
    this.#clock?.destroy();
    this.numerics.destroy();
    this.#snapshots?.destroy();
    this.faults.stop();
    this.arena.destroy();
  }

  /**
   * Before step 1 delayed scales are found on its own batches, for all that reads them: at a scale of 1 most gradients
   * underflow. Does nothing in other modes and later.
   * @internal
   */
  calibrate(): void {
    if (this.#submitted > 0 || !this.plan.tensors.scales?.history) return;
    const putBack = this.#setStateAside();
    this.#runMicroBatches(this.#programs.calibration);
    putBack();
  }

  /**
   * For what computes gradients without being a step. The returned function puts the state back, loss included, and forgets
   * what overflowed, which no optimizer has looked at.
   */
  #setStateAside(): () => void {
    const { state, stateAside, found } = this.plan.tensors;
    this.#copy(state, stateAside);
    return () => {
      this.#copy(stateAside, state);
      forgetOverflow(this.device, this.arena.buffer(found));
    };
  }

  #copy(from: Tensor, to: Tensor): void {
    const encoder = this.device.createCommandEncoder({ label: `copy ${from.name}` });
    encoder.copyBufferToBuffer(this.arena.buffer(from), 0, this.arena.buffer(to), 0, byteLength(from));
    this.device.queue.submit([encoder.finish()]);
  }

  /** The micro-batches of the next step. */
  #runMicroBatches(program: Program, stamps?: PassStamps): void {
    const count = microBatchesPerStep(this.config);
    this.#submit(this.#programs.begin);
    for (let micro = 0; micro < count; micro++) {
      this.#writeTrainingBatch(this.#submitted * count + micro);
      this.#submit(program, micro === 0 ? stamps : undefined);
    }
  }

  #submit(program: Program, stamps?: PassStamps): void {
    submitPaced(this.device, this.pace, program, stamps);
  }

  #writeTrainingBatch(index: number): void {
    writeTrainingBatch(this.device, this.arena, this.plan.tensors, this.#trainingBatch(index));
  }

  #record(state: StepState, gpuMs: number | null): void {
    this.numerics.stepArrived(performance.now());
    this.pace.stepArrived(gpuMs);
    this.#longestSkips = Math.max(this.#longestSkips, state.consecutiveSkips);
    this.#lastLoss = finite(state.lossSum);
    if (state.attempted === 1) this.#firstLoss = this.#lastLoss;
    this.arrived.push(metricsOf(state, (site) => this.#siteName(site), gpuMs));
  }

  #siteName(site: number): string {
    const { microBatch, optimizer } = this.#programs;
    return microBatch.sites[site] ?? optimizer.sites[site - microBatch.sites.length] ?? `site ${site}`;
  }
}
