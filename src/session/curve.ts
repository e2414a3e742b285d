/** A run's figures so far, stored with the saved run so that the charts of a resumed run start at its first step. */
import * as v from 'valibot';
import {
  type EvalMetrics,
  NEVER,
  type Reported,
  type SharpnessMetrics,
  type StepMetrics,
} from '../engine/index.ts';
import { count, evalMetrics, figure, finite, sharpnessMetrics, stageStart } from './metricsSchema.ts';
import { perFigure } from './optionalFigures.ts';
import type { TimedStep } from './protocol.ts';

/** Key of the curve in a saved file's `__metadata__`; its value is JSON. Only the charts need it. */
export const CURVE_KEY = 'halfstep.curve';

/**
 * When a kind has twice as many rows, they are thinned to this number: the figures of any run stay within about 200 KB.
 */
const KEPT = 1000;

const list = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.maxLength(2 * KEPT));

const name = v.pipe(v.string(), v.maxLength(200));

/** What is kept of a step, in the order of its list. */
const COLUMNS = {
  step: count,
  loss: figure,
  lossScale: finite,
  skipped: v.boolean(),
  overflow: v.nullable(name),
  gradNorm: figure,
  lr: finite,
  appliedSteps: count,
  skippedSteps: count,
  gpuMs: figure,
  /** Milliseconds of training. */
  time: finite,
  /** Last, because only runs that report them have them. */
  ...perFigure(() => v.exactOptional(figure)),
};
const NAMES = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];

const step = v.pipe(
  v.array(v.unknown()),
  v.transform((row) => Object.fromEntries(row.map((value, at) => [NAMES[at], value]))),
  v.strictObject(COLUMNS),
);

const schema = v.object({
  steps: list(step),
  /** Absent in runs without a precision schedule. */
  stages: v.optional(list(stageStart), []),
  evals: list(evalMetrics),
  sharpness: list(sharpnessMetrics),
});

interface Rows {
  readonly steps: readonly TimedStep[];
  readonly evals: readonly EvalMetrics[];
  readonly sharpness: readonly SharpnessMetrics[];
}

/** Holds every step of a short run; of a long run the newest step and those that preserve the shape of the lines. */
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
   * Reads the curve saved with a run of `attempted` steps.
   * @returns an empty curve where there is none or it cannot be read: the run resumes without it
   */
  static parse(text: string | undefined, attempted: number): RunCurve {
    const parsed = v.safeParse(schema, parseJson(text));
    if (!parsed.success) return new RunCurve();
    const { stages, evals, sharpness } = parsed.output;
    const steps = parsed.output.steps.map((row): TimedStep => {
      const at = stages.findLast(({ step }) => step <= row.step);
      return at ? { ...row, stage: at.stage } : row;
    });
    const ordered = (rows: readonly { readonly step: number }[], before: number) =>
      rows.every(({ step }, i) => step > (rows[i - 1]?.step ?? before) && step <= attempted);
    const inOrder = ordered(steps, 0) && ordered(evals, NEVER) && ordered(sharpness, NEVER);
    return inOrder ? new RunCurve({ steps, evals, sharpness }) : new RunCurve();
  }

  /** Milliseconds of training up to the last step. */
  get time(): number {
    return this.steps.at(-1)?.time ?? 0;
  }

  /** Steps of the newest evaluation and of the newest sharpness measurement. */
  get reported(): Reported {
    return { evaluation: this.evals.at(-1)?.step ?? NEVER, sharpness: this.sharpness.at(-1)?.step ?? NEVER };
  }

  /** A step repeated after a lost device replaces the earlier one and everything after it. */
  addStep(row: TimedStep): void {
    while ((this.steps.at(-1)?.step ?? 0) >= row.step) this.steps.pop();
    this.steps.push(row);
    if (this.steps.length >= 2 * KEPT) this.steps = thin(this.steps, notableSteps);
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
   * Serialises the run up to `step`, as {@link parse} reads it.
   * @param pending steps whose figures have arrived but were not added yet
   */
  text(step: number, pending: readonly StepMetrics[]): string {
    const { time } = this;
    const last = this.steps.at(-1)?.step ?? 0;
    // After a lost device, repeated steps may be here already.
    const newer = pending.filter((metrics) => metrics.step > last);
    const steps = [...this.steps, ...newer.map((metrics) => ({ ...metrics, time }))];
    const before = <T extends { readonly step: number }>(rows: readonly T[]) =>
      rows.filter((row) => row.step <= step).slice(-2 * KEPT);
    const kept = before(steps);
    const stages = kept.flatMap(({ step, stage }, at) =>
      stage && stage.mode !== kept[at - 1]?.stage?.mode ? [{ step, stage }] : [],
    );
    return JSON.stringify({
      steps: kept.map(pack),
      ...(stages.length > 0 && { stages }),
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

function pack(row: TimedStep): readonly unknown[] {
  return NAMES.filter((name) => row[name] !== undefined).map((name) => row[name]);
}

/**
 * Keeps at most two rows of each part of the run, all parts being equally long, so that old steps stay as dense as new
 * ones.
 * @param two picks the rows to keep of a part; the first two count
 */
function thin<T extends { readonly step: number }>(
  rows: readonly T[],
  two: (part: readonly T[]) => readonly T[] = (part) => [part[0]!, part.at(-1)!],
): T[] {
  // A power of two, so that each part is a union of earlier parts and rows dropped earlier would have been dropped here
  // too.
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

/** The skipped steps, and the steps with the highest and the lowest loss. */
function notableSteps(part: readonly TimedStep[]): readonly TimedStep[] {
  const loss = (row: TimedStep) => row.loss ?? Number.POSITIVE_INFINITY;
  const byLoss = part.toSorted((a, b) => loss(a) - loss(b));
  return [...part.filter(({ skipped }) => skipped), byLoss.at(-1)!, byLoss[0]!];
}
