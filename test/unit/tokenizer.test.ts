import { expect, test } from 'vitest';
import { tokenizeString } from '../../src/engine/data/tokenize.ts';
import { createTokenizer, type TokenizerChoice } from '../../src/engine/data/tokenizer.ts';
import { thrownBy } from './thrownBy.ts';

const tokenizerOf = (kind: TokenizerChoice, text: string) => tokenizeString(text, 'a text', kind).tokenizer;

test('a char vocabulary is the code points of the text in order', () => {
  const tokenizer = tokenizerOf('char', 'b😀a\nbé\ufb01');
  expect(tokenizer.json).toEqual({ kind: 'char', characters: '\nabé\ufb01😀' });
  expect(tokenizer.vocabulary).toBe(6);
  expect([...tokenizer.encode('a😀b')]).toEqual([1, 5, 2]);
});

test.each(['char', 'byte'] as const)('%s: decode undoes encode', (kind) => {
  const text = '\ufeffKing Lear 😀, naïve\r\n\t“quoted”';
  const tokenizer = createTokenizer(
    kind === 'byte' ? { kind } : { kind, characters: [...new Set(text)].join('') },
  );
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  const rebuilt = createTokenizer(JSON.parse(JSON.stringify(tokenizer.json)));
  expect(rebuilt.encode(text)).toEqual(tokenizer.encode(text));
  expect(rebuilt.vocabulary).toBe(tokenizer.vocabulary);
});

test('byte tokens are UTF-8', () => {
  const tokenizer = createTokenizer({ kind: 'byte' });
  expect(tokenizer.vocabulary).toBe(256);
  expect([...tokenizer.encode('é!')]).toEqual([0xc3, 0xa9, 0x21]);
});

test('decoding never fails for tokens that a model may produce', () => {
  expect(createTokenizer({ kind: 'byte' }).decode([0xc3, 0x21])).toBe('\ufffd!');
  expect(createTokenizer({ kind: 'char', characters: 'ab' }).decode([1, 7])).toBe('b\ufffd');
});

test('all characters outside the vocabulary are named', () => {
  const error = thrownBy(() => createTokenizer({ kind: 'char', characters: 'abc' }).encode('cabéé☃'));
  expect(error.code).toBe('BAD_TEXT');
  expect(error.message).toBe('Not among the 3 characters of the training text: "é" (U+00E9), "☃" (U+2603).');
});

test('of many unknown characters the first are named and the others counted', () => {
  const error = thrownBy(() => createTokenizer({ kind: 'char', characters: 'a' }).encode('bcdefghijkl'));
  expect(error.message).toMatch(/"i" \(U\+0069\), 3 more\.$/);
});

test.each(['char', 'byte'] as const)('%s: decoding token by token gives the same text', (kind) => {
  const text = 'é😀a';
  const tokenizer = tokenizerOf(kind, text);
  const decode = tokenizer.decoder();
  const pieces = [...tokenizer.encode(text)].map(decode);
  expect(pieces.join('')).toBe(text);
  expect(pieces).toEqual(kind === 'char' ? ['é', '😀', 'a'] : ['', 'é', '', '', '', '😀', 'a']);
});
