import { EngineError } from '../errors.ts';
import { MAX_SKIPS_WITHOUT_SCALER } from '../precision/recipes.ts';
import { tokensPerStep } from './config.ts';
import type { EvalMetrics, RunSummary, StepMetrics } from './metrics.ts';
import type { Trainer } from './trainer.ts';

export interface RunEvents {
  /** Every step, in order, a few steps after it was submitted. */
  onStep(metrics: StepMetrics): void;
  onEval(metrics: EvalMetrics): void;
  /** Work between steps that is not training, such as a sample: all steps are done and the clock stands. */
  readonly rests?: { readonly after: ReadonlySet<number>; take(step: number): Promise<void> };
}

/** Pause, resume and stop, honoured at the next step boundary. */
export class RunControl {
  #stopped = false;
  #resume: (() => void) | undefined;
  #paused: Promise<void> | undefined;

  get stopped(): boolean {
    return this.#stopped;
  }

  get paused(): boolean {
    return this.#paused !== undefined;
  }

  pause(): void {
    if (this.#stopped) return;
    this.#paused ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#paused = undefined;
    this.#resume?.();
  }

  stop(): void {
    this.#stopped = true;
    this.resume();
  }

  /** Resolves when not paused; at once where nothing is. */
  async whileRunning(): Promise<void> {
    while (this.#paused) await this.#paused;
  }
}

/** Steps before speed is counted: the first ones pay for start-up. */
const WARM_UP_STEPS = 5;

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

/** A mode without a scaler met values it cannot hold in ten steps in a row. The summary is of the run so far. */
export class TooManySkipsError extends EngineError {
  readonly summary: RunSummary;

  constructor(summary: RunSummary, overflow: string | null) {
    super(
      'TOO_MANY_SKIPS',
      `${MAX_SKIPS_WITHOUT_SCALER} steps in a row were skipped: ${overflow ?? 'a tensor'} is not finite, and ${summary.precision} has no loss scaler to adapt.`,
      'The weights are as they were before the first of them. Use fp16, fp32 or bf16, or a lower learning rate.',
    );
    this.name = 'TooManySkipsError';
    this.summary = summary;
  }
}

/**
 * Trains until the configured number of steps, a stop, or a failure; evaluates at intervals and at the end.
 * Metrics are delivered as they arrive; only evaluation and pauses wait for the GPU.
 * @throws TooManySkipsError in modes without a dynamic loss scale
 * @throws EngineError DEVICE_LOST or GPU_VALIDATION, the first fault of the device
 */
export async function runTraining(
  trainer: Trainer,
  events: RunEvents,
  control: RunControl,
): Promise<RunSummary> {
  try {
    return await trainAndEvaluate(trainer, events, control);
  } catch (error) {
    // A readback that fails says little; the device knows why.
    throw trainer.faults.explain(error);
  }
}

async function trainAndEvaluate(
  trainer: Trainer,
  events: RunEvents,
  control: RunControl,
): Promise<RunSummary> {
  const { config } = trainer;
  const watch = new Stopwatch();
  let firstLoss: number | null = null;
  let last: StepMetrics | undefined;
  let valLoss: number | null = null;
  let evaluatedAt = -1;

  const report = (): void => {
    for (const metrics of trainer.takeMetrics()) {
      if (metrics.step === 1) firstLoss = metrics.loss;
      last = metrics;
      events.onStep(metrics);
    }
    trainer.faults.check();
  };
  /** Waits for all submitted steps, with the clock stopped after them. */
  const settle = async (): Promise<void> => {
    await trainer.drain();
    watch.stop();
    report();
  };
  const evaluate = async (step: number): Promise<void> => {
    valLoss = await trainer.evaluate();
    evaluatedAt = step;
    events.onEval({ step, valLoss });
  };

  for (let step = 1; step <= config.steps && !control.stopped && !hasLostItsWay(trainer); step++) {
    if (control.paused) {
      await settle();
      await control.whileRunning();
      if (control.stopped) break;
    }
    if (step > WARM_UP_STEPS && !watch.running) {
      await trainer.drain();
      watch.start();
    }
    trainer.step();
    watch.count();
    await trainer.waitForRoom();
    report();
    if (config.evalEvery > 0 && step % config.evalEvery === 0) {
      await settle();
      await evaluate(step);
    }
    if (events.rests?.after.has(step) && !control.stopped) {
      await settle();
      await events.rests.take(step);
    }
  }
  await settle();
  if (evaluatedAt !== trainer.submittedSteps) await evaluate(trainer.submittedSteps);

  const failed = hasLostItsWay(trainer);
  const tokens = tokensPerStep(config);
  const { msPerStep } = watch;
  const tokensPerSec = msPerStep === null ? null : tokens / (msPerStep / 1000);
  const summary: RunSummary = {
    adapter: trainer.report.name,
    precision: config.precision,
    storage: trainer.storage,
    params: trainer.parameterCount,
    steps: trainer.submittedSteps,
    appliedSteps: last?.appliedSteps ?? 0,
    skippedSteps: last?.skippedSteps ?? 0,
    lossScale: await trainer.lossScale(),
    firstLoss,
    finalLoss: last?.loss ?? null,
    valLoss,
    tokensPerSec,
    msPerStep,
    mfu: tokensPerSec === null ? null : (tokensPerSec * trainer.flopsPerToken) / trainer.peakFlops,
    memory: trainer.memory,
    kernels: trainer.kernels,
  };
  if (failed) throw new TooManySkipsError(summary, last?.overflow ?? null);
  return summary;
}

/** Ten skips in a row, with no scaler that could end them. */
function hasLostItsWay(trainer: Trainer): boolean {
  if (trainer.plan.tensors.recipe.scaling.kind === 'dynamic') return false;
  return trainer.consecutiveSkips >= MAX_SKIPS_WITHOUT_SCALER;
}
