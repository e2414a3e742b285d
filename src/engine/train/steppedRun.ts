/** One trainer's run, advanced a step at a time: what runs on their own and runs in turns have in common. */

import { tokensPerStep } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { flushedGradients } from '../inspect/bands.ts';
import type { NumericsFrame } from '../inspect/frame.ts';
import type { SharpnessMetrics } from '../inspect/sharpness.ts';
import { gradientFormat } from '../precision/recipe.ts';
import { MAX_SKIPS_WITHOUT_SCALER, type Recipe } from '../precision/recipes.ts';
import { type Due, dueAfter, type Told } from './due.ts';
import { type EvalMetrics, type RunSummary, type StepMetrics, WARM_UP_STEPS } from './metrics.ts';
import { type RunWarning, WarningWatch } from './runWarning.ts';
import { spikeHint, storesUnscaled } from './spikeHint.ts';
import type { Trainer } from './trainer.ts';

export interface RunEvents {
  /** Every step, in order, a few steps after it was submitted. */
  onStep(metrics: StepMetrics): void;
  onEval(metrics: EvalMetrics): void;
  /** Where the run measures it. */
  onSharpness?(metrics: SharpnessMetrics): void;
  /** After the step at which it showed; later only where gradients are counted to explain it. */
  onTrouble?(trouble: RunWarning): void;
  /** Between two steps, and before a pause, where the state can be copied. What it returns is waited for. */
  afterStep?(step: number): Promise<void>;
  /** Steps had to wait, with the clock stopped, for something that was not asked for by `rests`. */
  onWaited?(): void;
  /** The gradients after the last step, and after one that is to be explained, where the run was prepared to count them. */
  onGradients?(frame: NumericsFrame): void;
  /** Work between steps that is not training, such as a sample: all steps are done and the clock stands. */
  readonly rests?: { readonly after: ReadonlySet<number>; take(step: number): Promise<void> };
  /** What was told of this run before, on another device or in an earlier visit: it is not done again. */
  readonly told?: Told;
}

/** Wall time of counted steps; evaluation, sampling and pauses are left out. */
class Stopwatch {
  #milliseconds = 0;
  #steps = 0;
  #startedAt: number | undefined;

  get running(): boolean {
    return this.#startedAt !== undefined;
  }

  start(): void {
    this.#startedAt = performance.now();
  }

  count(): void {
    if (this.#startedAt !== undefined) this.#steps += 1;
  }

  /** The GPU must have finished every counted step. */
  stop(): void {
    if (this.#startedAt === undefined) return;
    this.#milliseconds += performance.now() - this.#startedAt;
    this.#startedAt = undefined;
  }

  get msPerStep(): number | null {
    return this.#steps > 0 ? this.#milliseconds / this.#steps : null;
  }
}

/** Mean GPU time of the steps after the warm-up. */
class GpuTime {
  #milliseconds = 0;
  #steps = 0;
  #complete = true;

  add({ gpuMs }: StepMetrics): void {
    if (gpuMs === null) this.#complete = false;
    else this.#milliseconds += gpuMs;
    this.#steps += 1;
  }

  /** null where a step has none: a mean over the others would leave out what is not like them. */
  get msPerStep(): number | null {
    return this.#complete && this.#steps > 0 ? this.#milliseconds / this.#steps : null;
  }
}

/** A mode without a scaler met values it cannot hold in ten steps in a row. The summary is of the run so far. */
export class TooManySkipsError extends EngineError {
  readonly summary: RunSummary;

  constructor(summary: RunSummary, overflow: string | null) {
    super(
      'TOO_MANY_SKIPS',
      `${MAX_SKIPS_WITHOUT_SCALER} steps in a row were skipped: ${overflow ?? 'a tensor'} is not finite, and ${summary.precision} has no loss scaler to adapt.`,
      'No skipped step has changed the weights. Use fp16, fp32 or bf16, or a lower learning rate.',
    );
    this.name = 'TooManySkipsError';
    this.summary = summary;
  }
}

/**
 * A run between its steps. Metrics are delivered as they arrive; only evaluation and `settle` wait for the GPU.
 * Every method throws the first fault of the device (EngineError DEVICE_LOST or GPU_VALIDATION).
 */
export class SteppedRun {
  readonly trainer: Trainer;
  readonly #events: RunEvents;
  readonly #timed: boolean;
  readonly #watch = new Stopwatch();
  readonly #gpuTime = new GpuTime();
  readonly #trouble: WarningWatch;
  /** A jump of the loss that the share of flushed gradients may explain. */
  #unexplained: RunWarning | null = null;
  /** Steps taken before this run went on; its own first steps warm up again. */
  readonly #before: number;
  #startUpMs: number | null = null;
  #last: StepMetrics | undefined;
  #valLoss: number | null = null;
  #evaluatedAt = -1;

  /** @param timed false where others use the GPU between the steps: wall time then says nothing about this run */
  constructor(trainer: Trainer, events: RunEvents, timed = true) {
    this.trainer = trainer;
    this.#events = events;
    this.#timed = timed;
    this.#before = trainer.submittedSteps;
    this.#trouble = new WarningWatch(this.#recipe);
  }

  get #recipe(): Recipe {
    return this.trainer.plan.tensors.recipe;
  }

  /** Ten skips in a row, with no scaler that could end them. A step that was on its way may still have been applied. */
  get #lost(): boolean {
    return this.#recipe.scaling.kind !== 'dynamic' && this.trainer.longestSkips >= MAX_SKIPS_WITHOUT_SCALER;
  }

  /** True after the configured number of steps, and when a mode without a scaler cannot go on. */
  get isOver(): boolean {
    return this.trainer.submittedSteps >= this.trainer.config.steps || this.#lost;
  }

  /**
   * Submits one step, and does what is due after it. Before its first step a run that goes on does what is due after the
   * last one before, where that was not told. Waits for the GPU only for that, and as long as its queue is full.
   */
  async advance(): Promise<void> {
    const { trainer } = this;
    await this.#waitForKernels();
    await this.#catchUp();
    const step = trainer.submittedSteps + 1;
    if (this.#timed && this.#isCounted(step) && !this.#watch.running) {
      await trainer.drain();
      this.#watch.start();
    }
    trainer.step();
    this.#watch.count();
    await this.boundary();
    await trainer.waitForRoom();
    this.#report();
    await this.#doWhatIsDue();
    await this.#explain(true);
  }

  /** Lets the state be copied, behind all steps that were submitted. */
  async boundary(): Promise<void> {
    await this.#events.afterStep?.(this.trainer.submittedSteps);
  }

  /** Waits for all submitted steps, with the clock stopped after them. */
  async settle(): Promise<void> {
    await this.trainer.drain();
    this.#watch.stop();
    this.#report();
  }

  /**
   * Waits for the last step, evaluates it and counts its gradients, unless nobody wants to know how good the model became.
   * @throws TooManySkipsError when the run ended for that reason
   */
  async finish(evaluate = true): Promise<RunSummary> {
    const { trainer } = this;
    await this.settle();
    if (evaluate) await this.#catchUp();
    if (evaluate && this.#evaluatedAt !== trainer.submittedSteps)
      await this.#evaluate(trainer.submittedSteps);
    await this.#explain(evaluate);
    const summary = await this.#summary(evaluate);
    if (this.#lost) throw new TooManySkipsError(summary, this.#last?.overflow ?? null);
    return summary;
  }

  /** A save is written, and a device lost, before what is due after their step is done. */
  async #catchUp(): Promise<void> {
    if (this.trainer.submittedSteps === this.#before) await this.#doWhatIsDue();
  }

  async #doWhatIsDue(): Promise<void> {
    const { rests, told } = this.#events;
    const step = this.trainer.submittedSteps;
    const work: Readonly<Record<Due, () => Promise<void> | undefined>> = {
      evaluation: () => this.#evaluate(step),
      sharpness: async () => this.#events.onSharpness?.(await this.trainer.sharpness()),
      rest: () => rests?.take(step),
    };
    for (const due of dueAfter(step, this.trainer.config, rests?.after, told)) {
      await this.settle();
      await work[due]();
    }
  }

  /** Steps beside the compiler would be slow, and their time would say nothing about the run. */
  async #waitForKernels(): Promise<void> {
    const { numerics } = this.trainer;
    if (!numerics.preparing) return;
    await this.settle();
    await numerics.preparing;
    this.#events.onWaited?.();
  }

  #report(): void {
    for (const metrics of this.trainer.takeMetrics()) {
      this.#startUpMs ??= performance.now() - this.trainer.createdAt;
      this.#last = metrics;
      if (this.#isCounted(metrics.step)) this.#gpuTime.add(metrics);
      this.#events.onStep(metrics);
      const trouble = this.#trouble.next(metrics);
      if (trouble?.kind === 'lossSpike' && storesUnscaled(this.#recipe)) this.#unexplained = trouble;
      else if (trouble) this.#events.onTrouble?.(trouble);
    }
    this.trainer.faults.check();
  }

  /** Waits for the GPU where there is something to explain and gradients can be counted. */
  async #explain(count: boolean): Promise<void> {
    const trouble = this.#unexplained;
    if (!trouble) return;
    this.#unexplained = null;
    if (count && this.trainer.numerics.isReady) await this.settle();
    const flushed = count ? await this.#flushedGradients() : null;
    this.#events.onTrouble?.({ ...trouble, hint: spikeHint(this.#recipe, flushed) });
  }

  #isCounted(step: number): boolean {
    return step > this.#before + WARM_UP_STEPS;
  }

  async #evaluate(step: number): Promise<void> {
    this.#valLoss = await this.trainer.evaluate();
    this.#evaluatedAt = step;
    this.#events.onEval({ step, valLoss: this.#valLoss });
  }

  /** Share that was flushed to zero; null where gradients are f32, or nothing was compiled to count them. */
  async #flushedGradients(): Promise<number | null> {
    const { trainer } = this;
    if (!trainer.numerics.isReady) return null;
    const frame = await trainer.countGradients();
    this.#events.onGradients?.(frame);
    return flushedGradients(frame, gradientFormat(this.#recipe));
  }

  async #summary(wanted: boolean): Promise<RunSummary> {
    const { trainer } = this;
    const { msPerStep } = this.#watch;
    const state = await trainer.state();
    const tokensPerSec = msPerStep === null ? null : tokensPerStep(trainer.config) / (msPerStep / 1000);
    return {
      adapter: trainer.report.name,
      precision: trainer.config.precision,
      storage: trainer.storage,
      params: trainer.parameterCount,
      steps: trainer.submittedSteps,
      appliedSteps: state.applied,
      skippedSteps: state.skipped,
      lossScale: state.lossScale,
      firstLoss: trainer.firstLoss,
      finalLoss: trainer.lastLoss,
      valLoss: this.#valLoss,
      tokensPerSec,
      startUpMs: this.#startUpMs,
      msPerStep,
      gpuMsPerStep: this.#gpuTime.msPerStep,
      // Measuring the peak takes time: not for a run that nobody wants to know about.
      mfu: wanted && tokensPerSec !== null ? await trainer.modelFlopsUtilization(tokensPerSec) : null,
      gradientsFlushed: wanted ? await this.#flushedGradients() : null,
      memory: trainer.memory,
      kernels: trainer.kernels,
      changes: trainer.changes,
    };
  }
}
