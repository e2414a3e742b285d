/** Compares encoding words of any length span by span with encoding them at once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LongWord, type Span, SpanTooShort, wider } from '../../src/engine/data/longWord.ts';
import { PairEncoder } from '../../src/engine/data/pairModel.ts';

const BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** Returns the ids, and how often the span had to be widened. */
function bySpans(encoder: PairEncoder, bytes: Uint8Array, part: number, first: Span) {
  for (let span = first, tries = 0; ; span = wider(span), tries++) {
    const word = new LongWord(encoder, span);
    const ids: number[] = [];
    try {
      for (let at = 0; at < bytes.length; at += part) {
        const piece = bytes.subarray(at, at + part);
        ids.push(...word.push(piece, piece.length));
      }
      ids.push(...word.end());
      return { ids, tries };
    } catch (cause) {
      if (!(cause instanceof SpanTooShort)) throw cause;
    }
  }
}

test('2,000 words of random pairs, in spans so short that some must be widened', () => {
  const pairs = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 24, size: 'max' }).map((choices) => {
    const found: number[] = [];
    const known = new Set<string>();
    for (const [a, b] of choices) {
      const ids = [97, 98, 99, ...Array.from({ length: found.length / 2 }, (_, i) => 256 + i)];
      const pair = [ids[a % ids.length]!, ids[b % ids.length]!];
      if (known.has(pair.join())) continue;
      known.add(pair.join());
      found.push(...pair);
    }
    return found;
  });
  let widened = 0;
  let kept = 0;
  fc.assert(
    fc.property(
      pairs,
      fc.uint8Array({ min: 97, max: 99, minLength: 1, maxLength: 300, size: 'max' }),
      fc.integer({ min: 1, max: 40 }),
      (list, bytes, part) => {
        const encoder = new PairEncoder({ bytes: BYTES, pairs: list });
        const { ids, tries } = bySpans(encoder, bytes, part, { bytes: 12, margin: 1 });
        expect(ids).toEqual(encoder.encode(bytes));
        if (tries > 0) widened += 1;
        else if (bytes.length > 48) kept += 1;
      },
    ),
    { numRuns: 2000, seed: 15 },
  );
  expect(widened).toBeGreaterThan(10);
  expect(kept).toBeGreaterThan(500);
});

test('an effect that reaches back through a chain of pairs is detected', () => {
  // Each pair of the chain ranks before the one to its left, so the last letter decides how the first one is joined.
  const letters = Array.from({ length: 40 }, (_, i) => 100 + i);
  const pairs = letters
    .slice(0, -1)
    .map((letter, i) => [letter, letters[i + 1]!] as const)
    .reverse()
    .flat();
  const encoder = new PairEncoder({ bytes: BYTES, pairs });
  for (const end of [39, 40]) {
    const bytes = Uint8Array.from([...Array(20).fill(1), ...letters.slice(0, end)]);
    const { ids, tries } = bySpans(encoder, bytes, 7, { bytes: 32, margin: 4 });
    expect(ids).toEqual(encoder.encode(bytes));
    expect(tries).toBeLessThan(3);
  }
});
