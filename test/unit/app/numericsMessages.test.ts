import { expect, test } from 'vitest';
import { ratioWords } from '../../../src/app/features/numerics/messages.ts';
import type { QuantizationNoise } from '../../../src/engine/inspect/frame.ts';

test('a ratio that was not measured is replaced by the reason', () => {
  const row = { name: 'w', kind: 'weight', format: 'f16', sqnr: null, saturated: 0, underflow: 0, amax: 1 };
  const words = (given: Partial<QuantizationNoise>) => ratioWords({ ...row, ...given } as QuantizationNoise);
  expect(words({ sqnr: 31.449 })).toBe('31.4 dB');
  expect(words({})).toBe('exact');
  expect(words({ amax: 0 })).toBe('all zero');
  expect(words({ saturated: 0.1, amax: 1e5 })).toBe('not finite');
  expect(words({ amax: Number.POSITIVE_INFINITY })).toBe('not finite');
});
