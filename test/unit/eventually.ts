import { vi } from 'vitest';
import { ELEMENT_MS } from '../../e2e/limits.ts';

/**
 * Waits until `check` does not throw. Where it still does at a limit that only what hangs reaches, its error is the test's:
 * it says what was waited for.
 */
export function eventually<T>(check: () => T): Promise<T> {
  return vi.waitFor(check, { timeout: ELEMENT_MS });
}
