import { vi } from 'vitest';
import { ELEMENT_MS } from '../../e2e/limits.ts';

/**
 * Waits until `check` does not throw. At a limit that only a hang reaches, the error of `check` fails the test and says
 * what was waited for.
 */
export function eventually<T>(check: () => T): Promise<T> {
  return vi.waitFor(check, { timeout: ELEMENT_MS });
}
