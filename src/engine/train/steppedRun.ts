/** Advances one trainer's run a step at a time, for runs that train alone and for runs in lockstep. */

import { type TrainConfig, tokensPerStep } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { flushedGradients } from '../inspect/bands.ts';
import type { NumericsFrame } from '../inspect/frame.ts';
import type { SharpnessMetrics } from '../inspect/sharpness.ts';
import { stageCost } from '../precision/levels.ts';
import { gradientFormat } from '../precision/recipe.ts';
import { MAX_SKIPS_WITHOUT_SCALER, type Recipe } from '../precision/recipes.ts';
import { type Due, dueAfter, NEVER, type Reported } from './due.ts';
import { type EvalMetrics, type RunSummary, type StepMetrics, WARM_UP_STEPS } from './metrics.ts';
import { OverfittingWatch } from './overfitting.ts';
import { type RunWarning, WarningWatch } from './runWarning.ts';
import { spikeHint, storesUnscaled } from './spikeHint.ts';
import { GpuTime, Stopwatch } from './stepTimes.ts';
import type { Trainer } from './trainer.ts';

export interface RunEvents {
  /** Called for every step, in order, a few steps after it was submitted. */
  onStep(metrics: StepMetrics): void;
  onEval(metrics: EvalMetrics): void;
  /** Called if the run measures sharpness. */
  onSharpness?(metrics: SharpnessMetrics): void;
  /** Called after the step at which the problem was noticed, or a little later if gradients are counted to explain it. */
  onWarning?(warning: RunWarning): void;
  /** Called between two steps and before a pause, when the state can be copied. Training waits for the promise. */
  afterStep?(step: number): Promise<void>;
  /** Called after training had to wait, with the clock stopped, for something other than `pauses`. */
  onWaited?(): void;
  /** Called with histograms of the gradients after the last step, and after a loss spike, if the run can count them. */
  onGradients?(frame: NumericsFrame): void;
  /** Pauses for other work, such as a sample. All submitted steps are done by then, and the clock is stopped. */
  readonly pauses?: { readonly after: ReadonlySet<number>; take(step: number): Promise<void> };
  /** What was already reported of this run, on another device or in an earlier visit. It is not done again. */
  readonly reported?: Reported;
}

/** A mode without a dynamic loss scale skipped ten steps in a row. The summary covers the run so far. */
export class TooManySkipsError extends EngineError {
  readonly summary: RunSummary;

  /** @param recipe of the run: a mode that is made to fail is no fault of the learning rate */
  constructor(summary: RunSummary, overflow: string | null, { unsound }: Pick<Recipe, 'unsound'>) {
    super(
      'TOO_MANY_SKIPS',
      `${MAX_SKIPS_WITHOUT_SCALER} steps in a row were skipped: ${overflow ?? 'a tensor'} is not finite, and ${summary.precision} has no loss scaler to adapt.`,
      unsound
        ? 'Skipped steps do not change the weights. This mode is meant to show a failure. Use fp16, which scales the loss, or bf16.'
        : 'Skipped steps do not change the weights. Use fp16, fp32 or bf16, or a lower learning rate.',
    );
    this.name = 'TooManySkipsError';
    this.summary = summary;
  }
}

/**
 * Controls a run step by step. Metrics are delivered as they arrive. Only evaluation and `settle` wait for the GPU.
 * Every method throws the first fault of the device (EngineError DEVICE_LOST or GPU_VALIDATION).
 */
export class SteppedRun {
  readonly trainer: Trainer;
  readonly #events: RunEvents;
  readonly #timed: boolean;
  readonly #watch = new Stopwatch();
  readonly #gpuTime = new GpuTime();
  readonly #warnings: WarningWatch;
  readonly #overfitting: OverfittingWatch;
  /** A loss spike that the share of flushed gradients may explain. */
  #unexplained: RunWarning | null = null;
  /** Steps taken before the run was resumed. The first steps after that are warm-up steps again. */
  readonly #before: number;
  #caughtUp = false;
  #startUpMs: number | null = null;
  #last: StepMetrics | undefined;
  #evaluated: Omit<EvalMetrics, 'step'> = { valLoss: null };
  #evaluatedAt = -1;
  readonly #costs = { sum: 0, steps: 0 };

  /** @param timed false when other runs use the GPU between the steps, so that wall time means nothing for this run */
  constructor(trainer: Trainer, events: RunEvents, timed = true) {
    this.trainer = trainer;
    this.#events = events;
    this.#timed = timed;
    this.#before = trainer.submittedSteps;
    this.#warnings = new WarningWatch(this.#recipe);
    this.#overfitting = new OverfittingWatch(trainer.config);
  }

  get #recipe(): Recipe {
    return this.trainer.plan.tensors.recipe;
  }

  /** Whether ten steps in a row were skipped without a dynamic loss scale. Steps in flight may have been applied since. */
  get #failed(): boolean {
    return this.#recipe.scaling.kind !== 'dynamic' && this.trainer.longestSkips >= MAX_SKIPS_WITHOUT_SCALER;
  }

  /** True after the configured number of steps, when `earlyStop` ends the run, and when a mode without a dynamic loss scale has failed. */
  get isOver(): boolean {
    const { submittedSteps, config, endedEarly } = this.trainer;
    return submittedSteps >= config.steps || endedEarly || this.#failed;
  }

  /**
   * Submits one step and does what is due after it. Before the first step of a resumed run it does what was due after the
   * step before, if that was not reported. It waits for the GPU only for this, and while the queue is full.
   */
  async advance(): Promise<void> {
    const { trainer } = this;
    await this.#waitForKernels();
    await this.#catchUp();
    if (this.isOver) return; // the evaluation that was due may end the run
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

  /** Calls `afterStep`, so that the state after all submitted steps can be copied. */
  async boundary(): Promise<void> {
    await this.#events.afterStep?.(this.trainer.submittedSteps);
  }

  /** Waits for all submitted steps and stops the clock. */
  async settle(): Promise<void> {
    await this.trainer.drain();
    this.#watch.stop();
    this.#report();
  }

  /**
   * Waits for the last step and, if `evaluate` is set, evaluates the model and counts its gradients.
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
    if (this.#failed) throw new TooManySkipsError(summary, this.#last?.overflow ?? null, this.#recipe);
    return summary;
  }

  /** After resuming, does what is due after the last step: a save is written, or a device lost, before that is done. */
  async #catchUp(): Promise<void> {
    if (this.#caughtUp) return;
    this.#caughtUp = true;
    if (this.trainer.submittedSteps === this.#before) await this.#doWhatIsDue();
  }

  async #doWhatIsDue(): Promise<void> {
    const { pauses, reported } = this.#events;
    const step = this.trainer.submittedSteps;
    const work: Readonly<Record<Due, () => Promise<void> | undefined>> = {
      evaluation: () => this.#evaluate(step),
      sharpness: async () => this.#events.onSharpness?.(await this.trainer.sharpness()),
      pause: () => pauses?.take(step),
    };
    for (const due of dueAfter(step, this.trainer.config, pauses?.after, this.#done(reported))) {
      await this.settle();
      await work[due]();
    }
  }

  /** An evaluation that was reported is done again where the restored state does not include it. */
  #done(reported: Reported = {}): Reported {
    return this.trainer.countsEvaluation ? { ...reported, evaluation: NEVER } : reported;
  }

  /** Waits until the numerics kernels are compiled, because steps are slow while the compiler runs. */
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
      this.#countCost(metrics);
      if (this.#isCounted(metrics.step)) this.#gpuTime.add(metrics);
      this.#events.onStep(metrics);
      this.#overfitting.step(metrics);
      const warning = this.#warnings.next(metrics);
      if (warning?.kind === 'lossSpike' && storesUnscaled(this.#recipe)) this.#unexplained = warning;
      else if (warning) this.#events.onWarning?.(warning);
    }
    this.trainer.faults.check();
  }

  /** Reports a loss spike, with the share of flushed gradients if they can be counted (a CPU-GPU sync). */
  async #explain(count: boolean): Promise<void> {
    const warning = this.#unexplained;
    if (!warning) return;
    this.#unexplained = null;
    if (count && this.trainer.numerics.isReady) await this.settle();
    const flushed = count ? await this.#flushedGradients() : null;
    this.#events.onWarning?.({ ...warning, hint: spikeHint(this.#recipe, flushed) });
  }

  #countCost({ stage }: StepMetrics): void {
    const [first] = this.#recipe.stages;
    if (!first) return;
    this.#costs.sum += stage?.cost ?? stageCost(first);
    this.#costs.steps += 1;
  }

  #isCounted(step: number): boolean {
    return step > this.#before + WARM_UP_STEPS;
  }

  async #evaluate(step: number): Promise<void> {
    const { trainer } = this;
    const valLoss = await trainer.evaluate();
    this.#evaluated =
      trainer.config.emaDecay > 0 ? { valLoss, emaLoss: await trainer.evaluate('average') } : { valLoss };
    this.#evaluatedAt = step;
    // A run that was stopped in between is resumed as if it had not been evaluated there.
    if (isScheduled(step, trainer.config)) trainer.recordEvaluation(valLoss);
    this.#events.onEval({ step, ...this.#evaluated });
    const warning = this.#overfitting.evaluation({ step, valLoss });
    if (warning) this.#events.onWarning?.(warning);
  }

  /** Share of gradients flushed to zero; null when gradients are f32 or the kernels to count them are not compiled. */
  async #flushedGradients(): Promise<number | null> {
    const { trainer } = this;
    if (!trainer.numerics.isReady) return null;
    const frame = await trainer.countGradients();
    this.#events.onGradients?.(frame);
    return flushedGradients(frame, gradientFormat(this.#recipe));
  }

  async #summary(evaluate: boolean): Promise<RunSummary> {
    const { trainer } = this;
    const { msPerStep } = this.#watch;
    const state = await trainer.state();
    const best = trainer.best.lowest;
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
      ...this.#evaluated,
      ...(best && { best }),
      ...(trainer.endedEarly && { endedEarly: true }),
      tokensPerSec,
      startUpMs: this.#startUpMs,
      msPerStep,
      gpuMsPerStep: this.#gpuTime.msPerStep,
      // An abandoned run skips both, because measuring the peak and counting gradients take time.
      mfu: evaluate && tokensPerSec !== null ? await trainer.modelFlopsUtilization(tokensPerSec) : null,
      gradientsFlushed: evaluate ? await this.#flushedGradients() : null,
      ...(this.#costs.steps > 0 && { simulatedCost: this.#costs.sum / this.#costs.steps }),
      memory: trainer.memory,
      kernels: trainer.kernels,
      changes: trainer.changes,
    };
  }
}

/** Whether the configuration asks for an evaluation after this step, wherever the run was stopped. */
function isScheduled(step: number, config: TrainConfig): boolean {
  return step >= config.steps || dueAfter(step, config).includes('evaluation');
}
