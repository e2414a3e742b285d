import {
  EngineError,
  type KeptEvents,
  type Lane,
  type RunControl,
  runLockstep,
  runTraining,
  type StepMetrics,
  sampleSteps,
  type TrainConfig,
  type Trainer,
} from '../engine/index.ts';
import type { Autosave } from './autosave.ts';
import { errorReport } from './errorReport.ts';
import type { GroupRun } from './groups.ts';
import type { MetricsBatch } from './metricsBatch.ts';
import type { NumericsSwitch } from './numericsSwitch.ts';
import type { RunSummary, SampleRequest, SessionEvent, TextFacts } from './protocol.ts';
import type { Sampling } from './sampling.ts';

/** A run that has its place on the GPU. Its last step and loss head the samples it writes. */
export interface ActiveRun {
  readonly run: number;
  readonly config: TrainConfig;
  readonly planned: GroupRun;
  readonly trainer: Trainer;
  readonly facts: TextFacts;
  step: number;
  loss: number | null;
}

/** What the runs of a session report to and are watched by. */
interface LaneContext {
  readonly post: (event: SessionEvent) => void;
  readonly numerics: NumericsSwitch;
  readonly sampling: Sampling;
  readonly control: RunControl;
  readonly autosave: Autosave | null;
  /** Samples spread over a run, the last at its end. */
  readonly samples: number;
  /** The run that tells what all of them met. */
  readonly leader: ActiveRun | undefined;
}

/** Tokens of a sample during a run, at most: long enough to see words appear, short enough not to hold the run up. */
const LIVE_SAMPLE_LENGTH = 100;

/** Ties a run to the events that the page sees. */
export class SessionLane implements Lane {
  readonly trainer: Trainer;
  readonly events: Lane['events'];
  readonly #active: ActiveRun;
  readonly #around: LaneContext;
  /** It ended with something learned. */
  #finished = false;

  constructor(active: ActiveRun, around: LaneContext) {
    const { run, config, trainer, planned } = active;
    const { kept, batch } = planned;
    const { post, numerics, sampling, control, samples, autosave, leader } = around;
    this.#active = active;
    this.#around = around;
    this.trainer = trainer;
    const request = requestOf(config);
    const arrived = ({ step, loss }: StepMetrics) => {
      active.step = step;
      active.loss = loss;
    };
    const events: Lane['events'] & KeptEvents = {
      onStep: (metrics) => {
        arrived(metrics);
        const timed = batch.addStep(metrics);
        autosave?.curve.addStep(timed);
        numerics.report(active);
      },
      onRepeated: (metrics) => {
        arrived(metrics);
        batch.rested();
        trainer.numerics.takeFrames();
      },
      onEval: (metrics) => {
        batch.addEval(metrics);
        autosave?.curve.addEval(metrics);
      },
      ...(autosave && { afterStep: () => autosave.boundary() }),
      onSharpness: (metrics) => {
        batch.addSharpness(metrics);
        autosave?.curve.addSharpness(metrics);
      },
      onTrouble: (trouble) => {
        if (trouble.kind !== 'deviceLost' || active === leader) post({ type: 'trouble', run, trouble });
      },
      onWaited: () => batch.rested(),
      onGradients: (frame) => numerics.reportLast(run, frame),
      rests: {
        after: request.length > 0 ? sampleSteps(config.steps, samples) : new Set(),
        take: async () => {
          if (control.stopped) return;
          const length = Math.min(request.length, LIVE_SAMPLE_LENGTH);
          await sampling.draw(active, { ...request, length }, 'live');
          batch.rested();
        },
      },
      onFinished: (summary) => {
        numerics.report(active);
        batch.flush();
        planned.ended = true;
        if (control.abandoned) return;
        post({ type: 'finished', run, summary });
        this.#finished = summary.appliedSteps > 0;
      },
      // A finding about the mode, not a fault: a comparison goes on to show the difference.
      onFailed: (error) => {
        batch.flush();
        planned.ended = true;
        post({ type: 'runFailed', run, error: errorReport(error) });
      },
    };
    this.events = kept.attach(trainer, events);
  }

  get batch(): MetricsBatch {
    return this.#active.planned.batch;
  }

  /** Tells the page that the run starts. */
  announce(): void {
    const { run, trainer, facts: text, planned } = this.#active;
    const { resumedAt } = planned;
    this.batch.rested(); // up to now it was prepared
    const { parameterCount: parameters, storage, memory, kernels, changes, start } = trainer;
    const facts = { parameters, storage, memory, kernels, changes, text, start, resumedAt };
    this.#around.post({ type: 'started', run, config: trainer.config, facts });
  }

  /** The sample at the end, where the run has one. */
  async writeLast(): Promise<void> {
    const request = requestOf(this.#active.config);
    if (this.#finished && request.length > 0) await this.#around.sampling.draw(this.#active, request, 'end');
  }
}

/** The same beginning and random numbers every time: what changes is the model. */
function requestOf({ sampleLength: length, seed }: TrainConfig): SampleRequest {
  return { prompt: '', length, temperature: 0.8, topK: 40, seed };
}

/** One lane has the GPU to itself and is timed; several take turns. */
export async function runLanes(lanes: readonly Lane[], control: RunControl): Promise<void> {
  const [only, ...others] = lanes;
  if (only && others.length === 0) await runAlone(only, control);
  else await runLockstep(lanes, control);
}

async function runAlone({ trainer, events }: Lane, control: RunControl): Promise<void> {
  let summary: RunSummary;
  try {
    summary = await runTraining(trainer, events, control);
  } catch (cause) {
    if (!(cause instanceof EngineError && cause.code === 'TOO_MANY_SKIPS')) throw cause;
    events.onFailed(cause);
    return;
  }
  events.onFinished(summary);
}
