import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_FILTER, drawToken, type TokenFilter } from '../../src/engine/train/drawToken.ts';

/** Probabilities 0.5, 0.25, 0.125, 0.125 of tokens 2, 0, 1, 3. */
const LOGITS = Float32Array.of(1, 0, 2, 0).map((logit) => logit * Math.LN2);

/** The tokens that can be drawn, with the share of random numbers that draws each. */
function shares(
  filter: Partial<TokenFilter>,
  logits = LOGITS,
  before: number[] = [],
): Record<number, number> {
  const counts: Record<number, number> = {};
  const draws = 1000;
  for (let i = 0; i < draws; i++) {
    const token = drawToken(logits, { ...DEFAULT_FILTER, ...filter }, (i + 0.5) / draws, before);
    counts[token] = (counts[token] ?? 0) + 1 / draws;
  }
  return Object.fromEntries(
    Object.entries(counts).map(([token, share]) => [token, Number(share.toFixed(3))]),
  );
}

test('without a filter every token has its probability', () => {
  expect(shares({})).toEqual({ 2: 0.5, 0: 0.25, 1: 0.125, 3: 0.125 });
});

describe('top-p keeps the fewest most likely tokens that reach the share', () => {
  test.each([
    [0, { 2: 1 }],
    [0.5, { 2: 1 }],
    [0.51, { 2: 0.667, 0: 0.333 }],
    [0.75, { 2: 0.667, 0: 0.333 }],
    // Of equally likely tokens the one with the lower id.
    [0.8, { 2: 0.571, 0: 0.286, 1: 0.143 }],
    [1, { 2: 0.5, 0: 0.25, 1: 0.125, 3: 0.125 }],
  ] as const)('%d', (topP, expected) => {
    expect(shares({ topP })).toEqual(expected);
  });

  test('of those that top-k leaves, after temperature', () => {
    // Of the first two tokens 2/3 and 1/3; at temperature 1/2 4/5 and 1/5.
    expect(shares({ topK: 2, topP: 0.7 })).toEqual({ 2: 0.667, 0: 0.333 });
    expect(shares({ topK: 2, topP: 0.7, temperature: 0.5 })).toEqual({ 2: 1 });
  });
});

describe('the repetition penalty', () => {
  test('divides positive logits of earlier tokens once, however often they occur', () => {
    const [first] = shared([2, 2, 2], Float32Array.of(3, 0, 4, 0), 2);
    // 4 / 2 is below 3.
    expect(first).toBe(0);
  });

  test('multiplies negative logits, so that they become less likely too', () => {
    const [first] = shared([0], Float32Array.of(-1, -1.5, -9, -9), 2);
    expect(first).toBe(1);
  });

  test('leaves other tokens, and the logits that it was given', () => {
    const logits = Float32Array.of(3, 0, 4, 0);
    expect(shared([1, 3, 77], logits, 5)[0]).toBe(2);
    expect([...logits]).toEqual([3, 0, 4, 0]);
  });

  function shared(before: number[], logits: Float32Array, repetitionPenalty: number): number[] {
    return [drawToken(logits, { ...DEFAULT_FILTER, temperature: 0, repetitionPenalty }, 0, before)];
  }
});

test('temperature 0 takes the first of the largest, and passes over what is not a number', () => {
  const greedy = (...logits: number[]) =>
    drawToken(Float32Array.from(logits), { ...DEFAULT_FILTER, temperature: 0 }, 0.9);
  expect(greedy(1, 3, 3, 2)).toBe(1);
  expect(greedy(Number.NaN, -5, 2)).toBe(2);
  expect(greedy(Number.NEGATIVE_INFINITY, -1e30)).toBe(1);
});

test('tokens are in the order of a sort by logit and id', () => {
  const logit = fc.oneof(
    fc.float({ noNaN: true, min: -100, max: 100 }),
    fc.constantFrom(0, -0, 1, -1, 2 ** -149, -(2 ** -149)),
  );
  fc.assert(
    fc.property(fc.array(logit, { minLength: 1, maxLength: 40 }), (numbers) => {
      const logits = Float32Array.from(numbers);
      const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
      // All as likely as each other: the largest random number draws the last token that top-k leaves.
      const drawn = order.map((_, i) =>
        drawToken(logits, { ...DEFAULT_FILTER, topK: i + 1, temperature: 1e9 }, 1 - 2 ** -32),
      );
      expect(drawn).toEqual(order);
    }),
  );
});
