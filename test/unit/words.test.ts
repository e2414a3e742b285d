/** Compares words with the pattern of exported files, with Unicode's White_Space instead of JavaScript's `\s`. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LearnedWords } from '../../src/engine/data/wordPieces.ts';
import { WordReader } from '../../src/engine/data/words.ts';

const WHITE = String.raw`\p{White_Space}`;
const PATTERN = new RegExp(
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^${WHITE}\p{L}\p{N}]+|${WHITE}+(?!\P{White_Space})|${WHITE}+`,
  'gu',
);
const codePoints = (text: string) => Array.from(text, (character) => character.codePointAt(0)!);

/** Returns the words of a text that is passed `size` characters at a time; parts of a word are joined by "|". */
function wordsOf(text: string, size = Number.POSITIVE_INFINITY, most = 256): string[] {
  const words: string[] = [];
  let part = '';
  const take = (bytes: Uint8Array, length: number, ends: boolean) => {
    part += new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, length));
    if (!ends) part += '|';
    else {
      words.push(part);
      part = '';
    }
  };
  const reader = new WordReader({ take }, most);
  const all = codePoints(text);
  for (let at = 0; at < all.length; at += size) reader.push(all.slice(at, at + size));
  reader.end();
  return words;
}

test('words are GPT-2’s, wherever the pieces of a text end', () => {
  const text = "It's low, lower, the lowest; don't we'll 1234 naïve 😀  new\n\nnewer ";
  const words = wordsOf(text);
  expect(words.slice(0, 8)).toEqual(['It', "'s", ' low', ',', ' lower', ',', ' the', ' lowest']);
  for (let size = 1; size < 9; size++) expect(wordsOf(text, size)).toEqual(words);
});

test('words equal those of the pattern, on 4,000 texts of all character kinds', () => {
  const unit = fc.constantFrom(
    ..." '\n\r\t\u0085\u00a0\u180e\u200b\u2028\u3000\ufeff",
    ..."stdmlrve1²ß9中-!<'😀",
    "'ll",
    "'ve",
    '  ',
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), (parts, size) => {
      const text = parts.join('');
      expect(wordsOf(text, size)).toEqual(text.match(PATTERN) ?? []);
    }),
    { numRuns: 4000, seed: 14 },
  );
});

test('a very long word is passed in parts of a given number of characters', () => {
  expect(wordsOf('ééééé, \n\n\n\n\nx', 3, 2)).toEqual(['éé|éé|é', ',', ' \n|\n\n|\n', '\n', 'x']);
  const reader = new WordReader({ take: () => undefined }, 2);
  reader.push(codePoints('abc defghi j'));
  expect(reader.longest).toBe(7); // with its space
});

test('the number of words to learn from is bounded, and known words are still counted', () => {
  const words = new LearnedWords(10);
  for (const text of ['abc abc', ' de', ' abc fgh', ' de']) words.push(Uint32Array.from(codePoints(text)));
  words.end();
  const known = Array.from({ length: words.size }, (_, i) => [
    new TextDecoder().decode(words.word(i)),
    words.count(i),
  ]);
  expect(known).toEqual([
    ['abc', 1],
    [' abc', 2],
    [' de', 2],
  ]);
  expect([words.bytes, words.omittedBytes]).toEqual([10, ' fgh'.length]);
});
