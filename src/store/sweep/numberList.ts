/** Lists of numbers as people type them. */
import { writtenNumber } from '../../engine/index.ts';
import { NO_NUMBER, plainDigits, readNumber, typedProblem } from '../typedNumber.ts';

/**
 * Numbers separated by semicolons, spaces or commas. A comma without a space behind it separates where it cannot be a
 * decimal one, as in `3e-4,1e-3`, and is a decimal one where it cannot separate, as in `0,001`.
 * @returns the numbers, or the first word that is none, and why
 */
export function readNumbers(
  text: string,
): readonly number[] | { readonly word: string; readonly why: string } {
  const numbers: number[] = [];
  for (const written of text.split(/[\s;]+/)) {
    const word = written.replace(/,$/, '');
    if (word === '') continue;
    const read = numbersOfWord(word);
    if (typeof read === 'string') return { word, why: read };
    numbers.push(...read);
  }
  return numbers;
}

/** @returns why it cannot be read where it cannot */
function numbersOfWord(word: string): readonly number[] | string {
  const parts = plainDigits(word).split(',');
  // Of a list no part but the last can be the whole part of a decimal number.
  if (!parts.slice(0, -1).some((part) => /^[-+]?\d*$/.test(part))) {
    const values = parts.map((part) => (/^0\d/.test(part) ? null : writtenNumber(part)));
    return values.every((value) => value !== null) ? values : NO_NUMBER;
  }
  const [first = '', second = ''] = parts;
  if (parts.length > 2 || first === '') return 'Put a space behind each comma that separates two numbers.';
  const value = readNumber(word);
  if (value === null) return typedProblem(word)!;
  // Nobody writes a number as 001.
  return /^0\d/.test(second)
    ? [value]
    : `Write ${first}.${second} or "${first}; ${second}": it may be either.`;
}
