import { EngineError } from '../../src/engine/core/errors.ts';

/** The EngineError that `body` throws; fails when it throws none or something else. */
export function thrownBy(body: () => unknown): EngineError {
  try {
    body();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('expected an EngineError, but nothing was thrown');
}
