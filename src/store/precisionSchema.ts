import * as v from 'valibot';
import { isPrecisionMode, type PrecisionMode, readVariant } from '../engine/index.ts';
import { problemOf } from './settings.ts';

/** A precision mode in links, records and recordings. */
export const precisionMode = v.custom<PrecisionMode>(
  isPrecisionMode,
  ({ received }) => `Expected a precision mode but received ${received}`,
);

/** A mode or a variant of one, in whatever spelling; in its one spelling when it is read. */
export const variant = v.pipe(
  v.custom<string>(
    isVariant,
    ({ received }) => `Expected a precision mode or a variant of one but received ${received}`,
  ),
  v.transform(readVariant),
);

function isVariant(text: unknown): boolean {
  return typeof text === 'string' && problemOf(() => readVariant(text)) === null;
}
