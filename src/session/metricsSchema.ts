/** Schemas of stored figures: in saved runs, in the browser's database and in bundles. */
import * as v from 'valibot';
import type { EvalMetrics, SharpnessMetrics, StageMetrics } from '../engine/index.ts';

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const finite = v.pipe(v.number(), v.finite());
/** Null where the figure was not finite or not measured. */
export const figure = v.nullable(finite);

export const evalMetrics = v.object({
  step: count,
  valLoss: figure,
  emaLoss: v.exactOptional(figure),
}) satisfies v.GenericSchema<EvalMetrics>;

export const sharpnessMetrics = v.object({
  step: count,
  sharpness: figure,
  sharpnessHalf: figure,
  sharpnessLast: figure,
  sharpnessHalfLast: figure,
  maxLogit: figure,
}) satisfies v.GenericSchema<SharpnessMetrics>;

/** The first kept step of the stages of a precision schedule, which is that of all up to the next such step. */
export const stageStart = v.object({
  step: count,
  stage: v.object({
    mode: v.pipe(v.string(), v.maxLength(10_000)),
    cost: finite,
    stage: v.exactOptional(count),
    stages: v.exactOptional(count),
    forced: v.exactOptional(count),
  }) satisfies v.GenericSchema<StageMetrics>,
});
