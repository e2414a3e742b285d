import { EngineError } from '../../src/engine/core/errors.ts';

/** Returns the EngineError that `body` throws; fails when it throws none or another error. */
export function thrownBy(body: () => unknown): EngineError {
  try {
    body();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('expected an EngineError, but nothing was thrown');
}
