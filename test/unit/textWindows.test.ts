/** The windows in which a text is scored, and in which a text is continued. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { windowStart } from '../../src/engine/train/decoding.ts';
import { scoredWindows } from '../../src/engine/train/scorer.ts';

const lengths = fc.record({
  tokens: fc.integer({ min: 2, max: 90 }),
  context: fc.integer({ min: 1, max: 20 }),
});

describe('scored windows', () => {
  test.each([
    [5, 8, [[0, 0, 4]]],
    [9, 8, [[0, 0, 8]]],
    [
      10,
      8,
      [
        [0, 0, 8],
        [4, 4, 5],
      ],
    ],
    [
      17,
      8,
      [
        [0, 0, 8],
        [4, 4, 8],
        [8, 4, 8],
      ],
    ],
    [
      4,
      1,
      [
        [0, 0, 1],
        [1, 0, 1],
        [2, 0, 1],
      ],
    ],
  ] as const)('%d tokens in a context of %d', (tokens, context, expected) => {
    const windows = scoredWindows(tokens, context).map(({ start, first, end }) => [start, first, end]);
    expect(windows).toEqual(expected);
  });

  test('every token after the first is scored once, in the window in which it has the longest context', () => {
    fc.assert(
      fc.property(lengths, ({ tokens, context }) => {
        const step = Math.max(1, Math.floor(context / 2));
        const contextOf = new Map<number, number>();
        for (const { start, first, end } of scoredWindows(tokens, context)) {
          expect(start % step).toBe(0);
          expect(end).toBeLessThanOrEqual(context);
          for (let row = first; row < end; row++) {
            const token = start + row + 1;
            expect(contextOf.has(token)).toBe(false);
            contextOf.set(token, row + 1);
          }
        }
        expect(contextOf.size).toBe(tokens - 1);
        for (const [token, length] of contextOf) {
          // A window that starts a step earlier would no longer reach the token.
          const start = token - length;
          expect(start === 0 || token - (start - step) > context).toBe(true);
        }
      }),
    );
  });
});

describe('the window of the next token', () => {
  test('starts at the beginning until the context is full, and then moves by half of it', () => {
    const starts = Array.from({ length: 14 }, (_, i) => windowStart(i + 1, 8));
    expect(starts).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8]);
  });

  test('never holds more than the context, nor fewer than half of it once it has moved', () => {
    fc.assert(
      fc.property(lengths, ({ tokens, context }) => {
        const held = tokens - windowStart(tokens, context);
        expect(held).toBeLessThanOrEqual(context);
        if (tokens > context) expect(held).toBeGreaterThan(context / 2);
      }),
    );
  });
});
