/** Damaged copies of sound files, for property tests. */
import fc from 'fast-check';
import { parseStrictJson } from '../../../src/engine/core/strictJson.ts';

/** What the issue asks for. A fixed seed: a failure is the same everywhere, and fast-check prints how to repeat it. */
export const RUNS = { numRuns: 10_000, seed: 20_260_922 } as const;

type Damage = (bytes: Uint8Array) => Uint8Array;

// Not `fc.double`, most of whose numbers are close to zero.
const place = fc.nat(2 ** 20 - 1).map((part) => part / 2 ** 20);
const at = (share: number, bytes: Uint8Array) => Math.floor(share * bytes.length);
const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

const flip = fc.tuple(place, fc.nat(7)).map(
  ([where, bit]): Damage =>
    (bytes) =>
      bytes.map((byte, i) => (i === at(where, bytes) ? byte ^ (1 << bit) : byte)),
);

const overwrite = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 8 })).map(
  ([where, by]): Damage =>
    (bytes) => {
      const copy = bytes.slice();
      copy.set(by.subarray(0, bytes.length - at(where, bytes)), at(where, bytes));
      return copy;
    },
);

const cut = place.map(
  (where): Damage =>
    (bytes) =>
      bytes.slice(0, at(where, bytes)),
);

const append = fc.uint8Array({ minLength: 1, maxLength: 16 }).map(
  (more): Damage =>
    (bytes) =>
      joined(bytes, more),
);

const remove = fc.tuple(place, fc.nat(20)).map(
  ([where, count]): Damage =>
    (bytes) =>
      joined(bytes.subarray(0, at(where, bytes)), bytes.subarray(at(where, bytes) + count)),
);

const repeat = fc.tuple(place, place, fc.nat(60)).map(
  ([from, to, count]): Damage =>
    (bytes) => {
      const part = bytes.subarray(at(from, bytes), at(from, bytes) + count);
      return joined(bytes.subarray(0, at(to, bytes)), part, bytes.subarray(at(to, bytes)));
    },
);

/** One to three accidents, any of which the bytes can meet. */
const accidents: fc.Arbitrary<Damage> = fc
  .array(fc.oneof(flip, overwrite, cut, append, remove, repeat), { minLength: 1, maxLength: 3 })
  .map(
    (all): Damage =>
      (bytes) =>
        all.reduce((damaged, damage) => damage(damaged), bytes),
  );

export function damaged(...sound: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.constantFrom(...sound), accidents).map(([bytes, damage]) => damage(bytes));
}

/** What somebody would write who wants to break a reader, in place of one token of a JSON text. */
const NASTY = [
  ...['null', 'true', '-1', '0', '1', '0.5', '1e999', '-0', '9007199254740993', '18446744073709551615'],
  ...['""', '"__proto__"', '"constructor"', '"__metadata__"', '"F32"', '"U8"', '"\\ud800"', '"\\u0000"'],
  ...[
    '{}',
    '[]',
    '[0,0]',
    '[[[[[[]]]]]]',
    '{"a":{"b":{"c":{}}}}',
    '{"__proto__":{"x":1}}',
    ',',
    ':',
    '}',
    '',
  ],
];
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*|true|false|null|[[\]{},:]/g;

/** The text with one to three of its tokens replaced by nasty ones, or by others of its own. */
export function tampered(text: string): fc.Arbitrary<string> {
  const tokens = text.match(TOKEN) ?? [];
  const change = fc.tuple(fc.nat(tokens.length - 1), fc.constantFrom(...NASTY, ...new Set(tokens)));
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const copy = [...tokens];
    for (const [index, by] of changes) copy[index] = by;
    return copy.join('');
  });
}

/** Those that the reader of JSON accepts as a value in an object. */
const NASTY_VALUES = NASTY.filter((word) => {
  try {
    parseStrictJson(`{"a":${word}}`, 16);
    return true;
  } catch {
    return false;
  }
});

/** The JSON object with one to three of its values replaced by nasty ones, or left out. Unlike {@link tampered} it stays JSON. */
export function edited(text: string): fc.Arbitrary<string> {
  const entries = Object.entries(JSON.parse(text)).map(
    ([key, value]) => [key, JSON.stringify(value)] as const,
  );
  const change = fc.tuple(
    fc.nat(entries.length - 1),
    fc.constantFrom(null, ...NASTY_VALUES, ...new Set(entries.map(([, value]) => value))),
  );
  return fc.array(change, { minLength: 1, maxLength: EDITS }).map((changes) => {
    const values = new Map<string, string | null>(entries);
    for (const [at, by] of changes) values.set(entries[at]![0], by);
    const left = [...values].filter(([, value]) => value !== null);
    return `{${left.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join()}}`;
  });
}

/** Most changes of {@link edited}. */
export const EDITS = 3;
