/**
 * Numbers as people type them. Number pads of phones have the decimal separator of their language, so a comma is one too,
 * except where it may as well group thousands: what it means then is asked, and never guessed.
 */

import { writtenNumber } from '../engine/index.ts';

export const NO_NUMBER = 'This is not a number.';
/** `1,000` and `-12,345`: in English a thousand, elsewhere one. No group follows a zero. */
const GROUPED = /^[-+]?[1-9]\d{0,2},\d{3}$/;
const DECIMAL_COMMA = /^([-+]?\d*),(\d*)((?:e[-+]?\d+)?)$/i;

/** The number, or null where the text is none or may be two. */
export function readNumber(text: string): number | null {
  const plain = plainDigits(text);
  if (GROUPED.test(plain)) return null;
  return writtenNumber(plain.replace(DECIMAL_COMMA, '$1.$2$3'));
}

/** Why {@link readNumber} gives none, in a sentence; null where it gives one. */
export function typedProblem(text: string): string | null {
  return readNumber(text) === null ? (ambiguity(text) ?? NO_NUMBER) : null;
}

/** What is asked where the text may be two numbers; null where it is one or none. */
export function ambiguity(text: string): string | null {
  const plain = plainDigits(text);
  if (!GROUPED.test(plain)) return null;
  return `Write ${plain.replace(',', '')} or ${plain.replace(',', '.')}: "${text.trim()}" may be either.`;
}

/** First characters of the digits that keyboards of phones have: Arabic-Indic, Persian and full-width. */
const ZEROS = ['٠', '۰', '０'].map((zero) => zero.codePointAt(0)!);
const SIGNS: Readonly<Record<string, string>> = {
  '٫': ',',
  '，': ',',
  '．': '.',
  '−': '-',
  '－': '-',
  '＋': '+',
};

/** In ASCII, without space around it. */
export function plainDigits(text: string): string {
  return text.trim().replace(/[^\0-~]/g, (character) => {
    const code = character.codePointAt(0)!;
    const zero = ZEROS.find((first) => code >= first && code < first + 10);
    return zero === undefined ? (SIGNS[character] ?? character) : String(code - zero);
  });
}
