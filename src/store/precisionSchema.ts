import * as v from 'valibot';
import { isPrecisionMode, isVariant, type PrecisionMode, type VariantId } from '../engine/index.ts';

/** A precision mode in links, records and recordings. */
export const precisionMode = v.custom<PrecisionMode>(
  isPrecisionMode,
  ({ received }) => `Expected a precision mode but received ${received}`,
);

/** A mode or a variant of one, in its one spelling. */
export const variant = v.custom<VariantId>(
  isVariant,
  ({ received }) => `Expected a precision mode or a variant of one but received ${received}`,
);
