/** Schemas of stored figures: in saved runs, in the browser's database and in bundles. */
import * as v from 'valibot';
import type { EvalMetrics, SharpnessMetrics } from '../engine/index.ts';

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
