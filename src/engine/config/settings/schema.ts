/** The table of settings as schemas, for what comes from files and databases. The page's first script needs none of them. */
import * as v from 'valibot';
import { EngineError } from '../../core/errors.ts';
import type { Field, TrainConfig } from './table.ts';
import { checkSetting } from './values.ts';

/** A value of the setting. What is said of another is the sentence that it meets on every other way in. */
export function schemaOf<Of extends Field>(field: Of): v.GenericSchema<TrainConfig[Of]> {
  return v.custom<TrainConfig[Of]>(
    (value) => problemOf(field, value) === null,
    ({ input }) => problemOf(field, input) ?? '',
  );
}

function problemOf(field: Field, value: unknown): string | null {
  try {
    checkSetting(field, value);
    return null;
  } catch (cause) {
    if (cause instanceof EngineError) return cause.message;
    throw cause;
  }
}
