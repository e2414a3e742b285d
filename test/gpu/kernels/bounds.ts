/** Comparing what a kernel stored with the oracle, element by element, against a derived bound. */
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import type { Approx } from './approx.ts';

/** The oracle's own rounding in f64, generously. */
const ORACLE = 2 ** -44;

export interface Comparison {
  readonly what: string;
  /** Which of several cases. */
  readonly of?: string;
  readonly elements: number;
  /** Elements of a narrow format that are not the oracle's value rounded once, but a neighbour within the bound. */
  readonly neighbours?: number;
  /** The element whose error is the largest part of its bound. */
  readonly worst: { readonly at: number; readonly actual: number; readonly expected: number };
  readonly error: number;
  readonly bound: number;
  readonly ok: boolean;
}

/** How element `i` was rounded when it was stored, a monotonic function. */
export type Rounding = (x: number, i: number) => number;

/**
 * Every element must lie between the roundings of `expected - error` and `expected + error` to the stored format: the
 * encoders are monotonic and bit-exact (encode.test.ts), so nothing else can have been stored.
 * @param error bound on the f32 value before it was stored, from the kernel's arithmetic alone
 */
export function compareStored(
  what: string,
  format: FormatId | Rounding,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  error: (index: number) => number,
): Comparison {
  const round: Rounding = typeof format === 'function' ? format : (x) => roundTo(format, x);
  let worst = { at: 0, actual: 0, expected: 0 };
  let worstError = 0;
  let worstBound = 0;
  let worstShare = -1;
  let ok = actual.length === expected.length;
  let neighbours = 0;
  for (let i = 0; i < expected.length; i++) {
    const x = expected[i]!;
    const y = actual[i]!;
    const slack = error(i) + ORACLE * (Math.abs(x) + error(i));
    const low = round(x - slack, i);
    const high = round(x + slack, i);
    const inside = y >= low && y <= high;
    const bound = Math.max(high - x, x - low);
    const difference = Math.abs(y - x);
    const share = inside ? (difference === 0 ? 0 : difference / bound) : Number.POSITIVE_INFINITY;
    ok &&= inside;
    if (y !== round(x, i)) neighbours++;
    if (share > worstShare || (share === worstShare && bound > worstBound)) {
      worstShare = share;
      worst = { at: i, actual: y, expected: x };
      worstError = difference;
      worstBound = bound;
    }
  }
  const narrow = format === 'f32' ? {} : { neighbours };
  return { what, elements: expected.length, ...narrow, worst, error: worstError, bound: worstBound, ok };
}

/** As {@link compareStored} for a kernel that was replayed on `Approx` numbers; `expected` is the oracle's. */
export function compareReplayed(
  what: string,
  format: FormatId | Rounding,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  replayed: readonly Approx[],
): Comparison {
  return compareStored(what, format, actual, expected, (i) => replayed[i]!.error);
}

/** Values that must be the same, to the bit apart from which NaN it is. */
export function compareExact(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): Comparison {
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    const worst = { at: i, actual: actual[i]!, expected: expected[i]! };
    const error = Math.abs(worst.actual - worst.expected);
    return { what, elements: expected.length, worst, error, bound: 0, ok: false };
  }
  const ok = actual.length === expected.length;
  return {
    what,
    elements: expected.length,
    worst: { at: 0, actual: 0, expected: 0 },
    error: 0,
    bound: 0,
    ok,
  };
}

const number = (x: number): string => (x === 0 ? '0' : x.toPrecision(3));

export function describeComparison({
  what,
  of,
  elements,
  neighbours,
  worst,
  error,
  bound,
  ok,
}: Comparison): string {
  const counts = neighbours ? `, ${neighbours} of ${elements} a neighbour` : '';
  const share = `${bound > 0 ? ` (${((100 * error) / bound).toFixed(0)} %${counts})` : ''}${of ? ` in ${of}` : ''}`;
  const detail = ok ? '' : ` at ${worst.at}: got ${worst.actual}, expected ${worst.expected}`;
  return `${what} ${number(error)} <= ${number(bound)}${share}${ok ? '' : ` FAILED${detail}`}`;
}

/** One line: for each output the error that came closest to its bound, beside that bound. Throws when one is outside. */
export function report(title: string, comparisons: readonly Comparison[]): string {
  const worstOf = new Map<string, Comparison>();
  for (const comparison of comparisons) {
    const { what, elements, neighbours } = comparison;
    const known = worstOf.get(what);
    const worse = !known || exceeds(comparison, known) ? comparison : known;
    const all = known
      ? { elements: known.elements + elements, neighbours: (known.neighbours ?? 0) + (neighbours ?? 0) }
      : { elements, neighbours: neighbours ?? 0 };
    worstOf.set(what, { ...worse, ...all });
  }
  const line = `${title}: ${[...worstOf.values()].map(describeComparison).join('; ')}`;
  if (comparisons.some(({ ok }) => !ok)) throw new Error(line);
  return line;
}

function exceeds(a: Comparison, b: Comparison): boolean {
  if (a.ok !== b.ok) return !a.ok;
  return a.error * b.bound > b.error * a.bound;
}
