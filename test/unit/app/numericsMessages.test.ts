import { expect, test } from 'vitest';
import { longRunSentence, ratioWords } from '../../../src/app/features/numerics/messages.ts';
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

test('of several gated MLPs the one whose branches are aligned most is named', () => {
  const alignment = [
    { name: 'h.0.mlp.c_fc.weight', largest: 0.31, mean: 0.1, aligned: 0 },
    { name: 'h.1.mlp.c_fc.weight', largest: 0.97, mean: 0.12, aligned: 0.0125 },
  ];
  expect(longRunSentence({ alignment, atFloor: 0.5 })).toBe(
    'Gate and up of a channel are aligned most in h.1.mlp.c_fc.weight: |cos| is 0.97 at most and 0.12 on average, and at least 0.9 in 1.3 % of its channels. 50.0 % of the second moments have the smallest code of E5M2.',
  );
  expect(longRunSentence({ alignment: [], atFloor: 0 })).toBe(
    '0 % of the second moments have the smallest code of E5M2.',
  );
});
