import {
  EngineError,
  type Lane,
  type ResumableRunEvents,
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
import type { RunSummary, SampleRequest, SessionEvent, TextFacts, TextSource } from './protocol.ts';
import type { Sampling } from './sampling.ts';

/** A run that is on the GPU. `step` and `loss`, those of its last step, are shown above the samples it writes. */
export interface ActiveRun {
  readonly run: number;
  readonly config: TrainConfig;
  readonly planned: GroupRun;
  readonly trainer: Trainer;
  /** The text that it is trained on. */
  readonly text: TextSource;
  readonly facts: TextFacts;
  /** Tokens that end a text of the model. */
  readonly stop: readonly number[];
  step: number;
  loss: number | null;
}

/** What a lane reports to and is controlled by. */
interface LaneContext {
  readonly post: (event: SessionEvent) => void;
  readonly numerics: NumericsSwitch;
  readonly sampling: Sampling;
  readonly control: RunControl;
  readonly autosave: Autosave | null;
  /** Number of samples spread over a run, the last at its end. */
  readonly samples: number;
  /** The run that reports events that affect all runs of the group. */
  readonly leader: ActiveRun | undefined;
}

/** Most tokens of a sample during a run: long enough to see words appear, short enough not to delay the run. */
const LIVE_SAMPLE_LENGTH = 100;

/** Connects a run to the events that the page receives. */
export class SessionLane implements Lane {
  readonly trainer: Trainer;
  readonly events: Lane['events'];
  readonly #active: ActiveRun;
  readonly #context: LaneContext;
  /** Whether it finished with at least one applied step. */
  #finished = false;

  constructor(active: ActiveRun, context: LaneContext) {
    const { run, config, trainer, planned } = active;
    const { kept, batch } = planned;
    const { post, numerics, sampling, control, samples, autosave, leader } = context;
    this.#active = active;
    this.#context = context;
    this.trainer = trainer;
    const request = requestOf(config);
    const arrived = ({ step, loss }: StepMetrics) => {
      active.step = step;
      active.loss = loss;
    };
    const events: Lane['events'] & ResumableRunEvents = {
      onStep: (metrics) => {
        arrived(metrics);
        const timed = batch.addStep(metrics);
        autosave?.curve.addStep(timed);
        numerics.report(active);
      },
      onRepeated: (metrics) => {
        arrived(metrics);
        batch.excludeElapsed();
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
      onWarning: (warning) => {
        if (warning.kind !== 'deviceLost' || active === leader) post({ type: 'warning', run, warning });
      },
      onWaited: () => batch.excludeElapsed(),
      onGradients: (frame) => numerics.reportLast(run, frame),
      pauses: {
        after: request.length > 0 ? sampleSteps(config.steps, samples) : new Set(),
        take: async () => {
          if (control.stopped) return;
          const length = Math.min(request.length, LIVE_SAMPLE_LENGTH);
          await sampling.draw(active, { ...request, length }, 'live');
          batch.excludeElapsed();
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
      // This is a result about the mode, not a fault: the comparison continues and shows it.
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

  /** Announces to the page that the run starts. */
  announce(): void {
    const { run, trainer, facts: text, planned } = this.#active;
    const { resumedAt } = planned;
    this.batch.excludeElapsed(); // the time so far was spent on preparation
    const { parameterCount: parameters, storage, memory, kernels, changes, start } = trainer;
    const facts = { parameters, storage, memory, kernels, changes, text, start, resumedAt };
    this.#context.post({ type: 'started', run, config: trainer.config, facts });
  }

  /** Writes the final sample, if the run has one. */
  async writeLast(): Promise<void> {
    const request = requestOf(this.#active.config);
    if (this.#finished && request.length > 0) await this.#context.sampling.draw(this.#active, request, 'end');
  }
}

/** Every sample has the same prompt and random numbers, so that only the model changes. */
function requestOf({ sampleLength: length, seed }: TrainConfig): SampleRequest {
  return { prompt: '', length, temperature: 0.8, topK: 40, seed };
}

/** A single lane has the GPU to itself and is timed; several lanes take turns. */
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
