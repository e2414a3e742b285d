import type { EvalMetrics, SharpnessMetrics, StageMetrics } from '../engine/index.ts';
import { OPTIONAL_FIGURES, type OptionalFigure, perFigure } from '../session/optionalFigures.ts';
import type { TimedStep } from '../session/protocol.ts';
import { smooth, smoothingOf } from './smoothing.ts';
import { GpuDuration, StepDuration } from './stepDuration.ts';

const FIRST_CAPACITY = 1024;

/** Those of figures that only some runs report are NaN in other runs, and where the figure was not finite. */
interface Columns extends Record<OptionalFigure, Float64Array> {
  step: Uint32Array;
  /** NaN where the loss was not finite. */
  loss: Float64Array;
  scaleLog2: Float32Array;
  skipped: Uint8Array;
  gradNorm: Float64Array;
  lr: Float64Array;
  appliedSteps: Uint32Array;
  skippedSteps: Uint32Array;
  /** Milliseconds of training. */
  time: Float64Array;
  /** Milliseconds per step, median of the last 20; NaN during warm-up. */
  stepMs: Float64Array;
  /** GPU time of the step in milliseconds; NaN where it was not measured. */
  gpuMs: Float64Array;
  /** Median GPU time of the last 20 steps; NaN during warm-up and when one of them has none. */
  gpuStepMs: Float64Array;
}

function columns(capacity: number): Columns {
  return {
    step: new Uint32Array(capacity),
    loss: new Float64Array(capacity),
    scaleLog2: new Float32Array(capacity),
    skipped: new Uint8Array(capacity),
    gradNorm: new Float64Array(capacity),
    lr: new Float64Array(capacity),
    appliedSteps: new Uint32Array(capacity),
    skippedSteps: new Uint32Array(capacity),
    time: new Float64Array(capacity),
    stepMs: new Float64Array(capacity),
    gpuMs: new Float64Array(capacity),
    gpuStepMs: new Float64Array(capacity),
    ...perFigure(() => new Float64Array(capacity)),
  };
}

/**
 * Every step of one run, in typed columns outside React and zustand: a step costs about 100 bytes and no render. The log
 * is complete whatever is drawn: exports and the snapshot read from it. For a resumed run it starts with the steps that
 * were saved.
 */
export class MetricsLog {
  length = 0;
  /** The figures that not all runs report and this one did, at some step. */
  readonly reported = new Set<OptionalFigure>();
  readonly evals: EvalMetrics[] = [];
  readonly sharpness: SharpnessMetrics[] = [];
  /** Steps at which a precision schedule, or a block of it, went to another stage, the first step included; empty in other runs. */
  readonly stages: { readonly step: number; readonly stage: StageMetrics }[] = [];
  /** First tensor that overflowed, by index of the skipped step. */
  readonly #overflow = new Map<number, string>();
  /** Smoothing of {@link smoothedLoss}, 0 to 1. */
  readonly smoothing: number;
  #columns = columns(FIRST_CAPACITY);
  #smoothed: Float64Array = new Float64Array(0);
  #lastSkipped = -1;
  readonly #duration = new StepDuration();
  readonly #gpuDuration = new GpuDuration();

  /** @param steps planned number of steps; the run may take fewer or more */
  constructor(steps: number) {
    this.smoothing = smoothingOf(steps);
  }

  /** Only the first `length` entries of each column are filled. Replaced when the log grows: do not keep. */
  get columns(): Readonly<Columns> {
    return this.#columns;
  }

  push(step: TimedStep): void {
    const i = this.length;
    if (i === this.#columns.step.length) this.#grow();
    const c = this.#columns;
    c.step[i] = step.step;
    c.loss[i] = step.loss ?? Number.NaN;
    c.scaleLog2[i] = Math.log2(step.lossScale);
    c.skipped[i] = step.skipped ? 1 : 0;
    if (step.skipped) this.#lastSkipped = i;
    c.gradNorm[i] = step.gradNorm ?? Number.NaN;
    for (const figure of OPTIONAL_FIGURES) {
      c[figure][i] = step[figure] ?? Number.NaN;
      if (step[figure] !== undefined) this.reported.add(figure);
    }
    c.lr[i] = step.lr;
    c.appliedSteps[i] = step.appliedSteps;
    c.skippedSteps[i] = step.skippedSteps;
    c.time[i] = step.time;
    c.stepMs[i] = this.#duration.push(step.time, step.step);
    c.gpuMs[i] = step.gpuMs ?? Number.NaN;
    c.gpuStepMs[i] = this.#gpuDuration.push(c.gpuMs[i]);
    const { stage } = step;
    if (stage && stage.mode !== this.stages.at(-1)?.stage.mode) this.stages.push({ step: step.step, stage });
    if (step.overflow !== null) this.#overflow.set(i, step.overflow);
    this.length = i + 1;
  }

  /** The step at `index` as it was reported; `index` may be negative, as in Array.at. */
  at(index: number): TimedStep | null {
    const i = index < 0 ? this.length + index : index;
    if (i < 0 || i >= this.length) return null;
    const c = this.#columns;
    const finite = (value: number) => (Number.isNaN(value) ? null : value);
    const stage = this.stages.findLast(({ step }) => step <= c.step[i]!)?.stage;
    return {
      step: c.step[i]!,
      loss: finite(c.loss[i]!),
      lossScale: 2 ** c.scaleLog2[i]!,
      skipped: c.skipped[i] === 1,
      overflow: this.overflowAt(i),
      gradNorm: finite(c.gradNorm[i]!),
      ...perFigure((figure) => finite(c[figure][i]!), this.reported),
      lr: c.lr[i]!,
      appliedSteps: c.appliedSteps[i]!,
      skippedSteps: c.skippedSteps[i]!,
      time: c.time[i]!,
      gpuMs: finite(c.gpuMs[i]!),
      ...(stage && { stage }),
    };
  }

  /** The first tensor that overflowed in the step at `index`; null where none is known. */
  overflowAt(index: number): string | null {
    return this.#overflow.get(index) ?? null;
  }

  /** The loss averaged with that of the steps around, for each entry. Computed again when the log has grown. */
  smoothedLoss(): Float64Array {
    if (this.#smoothed.length !== this.length) {
      const { loss, step } = this.#columns;
      this.#smoothed = smooth(loss, step, this.length, this.smoothing);
    }
    return this.#smoothed;
  }

  /** Sets {@link smoothedLoss} of a log that holds only some steps of its run. */
  keepSmoothed(values: Float64Array): void {
    this.#smoothed = values;
  }

  last(count: number): TimedStep[] {
    const start = Math.max(0, this.length - count);
    return Array.from({ length: this.length - start }, (_, i) => this.at(start + i)!);
  }

  /** Index of the last entry whose step is at most `step`; -1 before the first. */
  indexAt(step: number): number {
    let low = -1;
    let high = this.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#columns.step[middle]! <= step) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Index of the last skipped step; -1 where there is none. */
  get lastSkipped(): number {
    return this.#lastSkipped;
  }

  /** Number of skipped steps among the last `count`. */
  skippedOfLast(count: number): number {
    const { skipped } = this.#columns;
    let found = 0;
    for (let i = Math.max(0, this.length - count); i < this.length; i++) found += skipped[i]!;
    return found;
  }

  skippedIndexes(): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.length; i++) if (this.#columns.skipped[i] === 1) found.push(i);
    return found;
  }

  #grow(): void {
    const old = this.#columns;
    const grown = columns(old.step.length * 2);
    for (const name of Object.keys(old) as (keyof Columns)[]) grown[name].set(old[name]);
    this.#columns = grown;
  }
}

/** Mean simulated cost of the steps of a run with a precision schedule, from its first entry on; NaN without one. */
export function meanCost({ stages, length, columns: { step } }: MetricsLog): number {
  const end = length > 0 ? step[length - 1]! + 1 : 0;
  const first = stages[0]?.step ?? end;
  const sum = stages.reduce(
    (total, { step: from, stage }, at) => total + ((stages[at + 1]?.step ?? end) - from) * stage.cost,
    0,
  );
  return sum / (end - first);
}
