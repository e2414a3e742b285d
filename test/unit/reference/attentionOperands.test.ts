import { expect, test } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { roundedForAttention } from '../../../src/engine/reference/store.ts';

const [ROWS, COLUMNS] = [5, 72];
const VALUES = Float64Array.from({ length: ROWS * COLUMNS }, (_, i) =>
  roundTo('bf16', normalAt(i, 3) * 2 ** (i % 9)),
);
const rounded = (per: 'tensor' | 'row' | number, scales?: ReadonlyMap<string, number>) => {
  const one = { format: 'e4m3fn', per } as const;
  const options = scales ? { scales } : {};
  return roundedForAttention({ attention: { qkv: one, dO: one } }, 'qkv', 'x', VALUES, COLUMNS, options);
};

test.each(['tensor', 'row', 32] as const)('per %s: within half a step of E4M3, and exact in bf16', (per) => {
  const read = rounded(per);
  for (const [i, x] of read.entries()) {
    expect(roundTo('bf16', x)).toBe(x);
    // The scale keeps the largest magnitude within a factor of two of 448; 2^-9 is the smallest code.
    const least = (Math.max(...VALUES.map(Math.abs)) / 224) * 2 ** -10;
    expect(Math.abs(x - VALUES[i]!)).toBeLessThanOrEqual(Math.max(Math.abs(VALUES[i]!) / 16, least));
  }
});

test('a smaller part has a scale of its own, the last of a row included, and a given scale is taken', () => {
  const small = VALUES.map((x, i) => (i % COLUMNS >= 64 ? x * 2 ** -20 : x));
  const of = (per: 'tensor' | 'row' | number) =>
    roundedForAttention(
      { attention: { qkv: { format: 'e4m3fn', per }, dO: { format: 'e5m2', per } } },
      ...(['qkv', 'x', small, COLUMNS, {}] as const),
    );
  expect([...of('row').subarray(64, 72)].every((x) => x === 0)).toBe(true);
  expect([...of(32).subarray(64, 72)].every((x, i) => x === 0 && small[64 + i] !== 0)).toBe(false);
  expect(rounded('tensor', new Map([['x', 2 ** -12]]))).not.toEqual(rounded('tensor'));
});
