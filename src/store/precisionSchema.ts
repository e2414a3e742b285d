import * as v from 'valibot';
import { isPrecisionMode, type PrecisionMode } from '../engine/precision/recipes.ts';

/** A precision mode in links, records and recordings. */
export const precisionMode = v.custom<PrecisionMode>(
  isPrecisionMode,
  ({ received }) => `Expected a precision mode but received ${received}`,
);
