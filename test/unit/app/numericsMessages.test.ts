import { expect, test } from 'vitest';
import {
  longRunSentence,
  numberWords,
  updatesSentence,
} from '../../../src/app/features/numerics/messages.ts';
import { columnsOf, STORE_NUMBERS, UPDATE_NUMBERS } from '../../../src/engine/index.ts';
import type { QuantizationNoise } from '../../../src/engine/inspect/frame.ts';

test('a ratio that was not measured is replaced by the reason', () => {
  const numbers = { sqnr: null, saturated: 0, underflow: 0, amax: 1, kurtosis: null };
  const [ratio, saturated] = columnsOf(STORE_NUMBERS);
  const words = (given: Partial<QuantizationNoise>) => numberWords(ratio!, { ...numbers, ...given });
  expect(numberWords(saturated!, { ...numbers, saturated: null })).toBe('all zero');
  expect(words({ sqnr: 31.449 })).toBe('31.4 dB');
  expect(words({})).toBe('exact');
  expect(words({ amax: 0 })).toBe('all zero');
  expect(words({ saturated: 0.1, amax: 1e5 })).toBe('not finite');
  expect(words({ amax: Number.POSITIVE_INFINITY })).toBe('not finite');
});

test('every number of a tensor has a column, and one without a value a dash', () => {
  for (const column of [...columnsOf(STORE_NUMBERS), ...columnsOf(UPDATE_NUMBERS)]) {
    expect(numberWords(column, { [column.key]: 0.5 })).toMatch(/^0\.5|^50/);
    if (!column.without) expect(numberWords(column, {})).toBe('–');
  }
});

test('updates whose RMS is a spike are counted, and the largest is named', () => {
  const updates = [
    { name: 'wte.weight', rms: 2.29 },
    { name: 'h.0.attn.c_attn.weight', rms: 2.4 },
    { name: 'h.1.mlp.c_fc.weight', rms: 9.5 },
  ];
  expect(updatesSentence(updates)).toContain('2 have 2.3 or more, most that of h.1.mlp.c_fc.weight (9.50)');
  expect(updatesSentence(updates.slice(0, 1))).toContain('None has 2.3 or more');
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
