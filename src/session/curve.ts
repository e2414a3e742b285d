/** The figures of a run so far, kept with the saved run: the charts of a run that goes on begin where the run did. */
import * as v from 'valibot';
import {
  type EvalMetrics,
  NEVER,
  type SharpnessMetrics,
  type StepMetrics,
  type Told,
} from '../engine/index.ts';
import { count, evalMetrics, figure, finite, sharpnessMetrics } from './metricsSchema.ts';
import type { TimedStep } from './protocol.ts';

/** Where the curve lies in a saved file's `__metadata__`, as JSON. Nothing but the charts needs it. */
export const CURVE_KEY = 'halfstep.curve';

/** Twice as many rows of a kind are thinned to these: a file of any run stays within some 200 KB of figures. */
const KEPT = 1000;

const list = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.maxLength(2 * KEPT));

const step = v.strictTuple([
  count, // step
  figure, // loss
  finite, // loss scale
  v.boolean(), // skipped
  v.nullable(v.pipe(v.string(), v.maxLength(200))), // overflow
  figure, // gradient norm
  finite, // learning rate
  count, // applied
  count, // skipped so far
  figure, // milliseconds on the GPU
  finite, // milliseconds of training
]);

const schema = v.object({
  steps: list(step),
  evals: list(evalMetrics),
  sharpness: list(sharpnessMetrics),
});

interface Rows {
  readonly steps: readonly TimedStep[];
  readonly evals: readonly EvalMetrics[];
  readonly sharpness: readonly SharpnessMetrics[];
}

/** Every step of a short run; of a long one those that its lines need to look as they did, and the newest. */
export class RunCurve implements Rows {
  steps: TimedStep[];
  evals: EvalMetrics[];
  sharpness: SharpnessMetrics[];

  constructor({ steps, evals, sharpness }: Rows = { steps: [], evals: [], sharpness: [] }) {
    this.steps = [...steps];
    this.evals = [...evals];
    this.sharpness = [...sharpness];
  }

  /**
   * What was kept with a saved run of `attempted` steps.
   * @returns an empty curve where there is none or it cannot be read: the run goes on without it
   */
  static parse(text: string | undefined, attempted: number): RunCurve {
    const parsed = v.safeParse(schema, parseJson(text));
    if (!parsed.success) return new RunCurve();
    const steps = parsed.output.steps.map(unpack);
    const { evals, sharpness } = parsed.output;
    const ordered = (rows: readonly { readonly step: number }[], before: number) =>
      rows.every(({ step }, i) => step > (rows[i - 1]?.step ?? before) && step <= attempted);
    const inOrder = ordered(steps, 0) && ordered(evals, NEVER) && ordered(sharpness, NEVER);
    return inOrder ? new RunCurve({ steps, evals, sharpness }) : new RunCurve();
  }

  /** Milliseconds of training up to its last step. */
  get time(): number {
    return this.steps.at(-1)?.time ?? 0;
  }

  /** The newest evaluation and measurement in it. */
  get told(): Told {
    return { evaluation: this.evals.at(-1)?.step ?? NEVER, sharpness: this.sharpness.at(-1)?.step ?? NEVER };
  }

  /** A step that is taken again, after the device was lost, replaces the one before and all behind it. */
  addStep(row: TimedStep): void {
    while ((this.steps.at(-1)?.step ?? 0) >= row.step) this.steps.pop();
    this.steps.push(row);
    if (this.steps.length >= 2 * KEPT) this.steps = thin(this.steps, tellingSteps);
  }

  addEval(row: EvalMetrics): void {
    this.evals.push(row);
    if (this.evals.length >= 2 * KEPT) this.evals = thin(this.evals);
  }

  addSharpness(row: SharpnessMetrics): void {
    this.sharpness.push(row);
    if (this.sharpness.length >= 2 * KEPT) this.sharpness = thin(this.sharpness);
  }

  /**
   * What {@link parse} reads: the run up to `step`.
   * @param untold steps whose figures are there and were not added yet
   */
  text(step: number, untold: readonly StepMetrics[]): string {
    const { time } = this;
    const last = this.steps.at(-1)?.step ?? 0;
    // After a lost device steps are taken again that are there already.
    const newer = untold.filter((metrics) => metrics.step > last);
    const steps = [...this.steps, ...newer.map((metrics) => ({ ...metrics, time }))];
    const before = <T extends { readonly step: number }>(rows: readonly T[]) =>
      rows.filter((row) => row.step <= step).slice(-2 * KEPT);
    return JSON.stringify({
      steps: before(steps).map(pack),
      evals: before(this.evals),
      sharpness: before(this.sharpness),
    });
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}

function pack(row: TimedStep): v.InferInput<typeof step> {
  const { loss, lossScale, skipped, overflow, gradNorm, lr, appliedSteps, skippedSteps, gpuMs, time } = row;
  return [
    row.step,
    loss,
    lossScale,
    skipped,
    overflow,
    gradNorm,
    lr,
    appliedSteps,
    skippedSteps,
    gpuMs,
    time,
  ];
}

function unpack(row: v.InferOutput<typeof step>): TimedStep {
  const [at, loss, lossScale, skipped, overflow, gradNorm, lr, appliedSteps, skippedSteps, gpuMs, time] = row;
  return {
    step: at,
    loss,
    lossScale,
    skipped,
    overflow,
    gradNorm,
    lr,
    appliedSteps,
    skippedSteps,
    gpuMs,
    time,
  };
}

/**
 * At most two rows of as many steps in each part of the run, so that a long past is as dense as a short one.
 * @param two which of a part's rows are kept, the first two of them
 */
function thin<T extends { readonly step: number }>(
  rows: readonly T[],
  two: (part: readonly T[]) => readonly T[] = (part) => [part[0]!, part.at(-1)!],
): T[] {
  // A power of two: parts are the union of earlier ones, and what was dropped then is not missed now.
  const size = 2 ** Math.ceil(Math.log2((2 * rows.at(-1)!.step) / KEPT));
  const parts = new Map<number, T[]>();
  for (const row of rows) {
    const at = Math.floor(row.step / size);
    const part = parts.get(at);
    if (part) part.push(row);
    else parts.set(at, [row]);
  }
  return [...parts.values()].flatMap((part) => {
    const kept = new Set([...new Set(two(part))].slice(0, 2));
    return part.filter((row) => kept.has(row));
  });
}

/** Steps that were skipped, and those of the highest and the lowest loss. */
function tellingSteps(part: readonly TimedStep[]): readonly TimedStep[] {
  const loss = (row: TimedStep) => row.loss ?? Number.POSITIVE_INFINITY;
  const byLoss = part.toSorted((a, b) => loss(a) - loss(b));
  return [...part.filter(({ skipped }) => skipped), byLoss.at(-1)!, byLoss[0]!];
}
