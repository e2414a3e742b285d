import { expect, test } from 'vitest';
import { createTokenizer, tokenizerFromJson } from '../../src/engine/data/tokenizer.ts';
import { thrownBy } from './thrownBy.ts';

test('a char vocabulary is the text’s code points in order', () => {
  const tokenizer = createTokenizer('char', 'b😀a\nbé\ufb01');
  expect(tokenizer.json).toEqual({ kind: 'char', characters: '\nabé\ufb01😀' });
  expect(tokenizer.vocabulary).toBe(6);
  expect([...tokenizer.encode('a😀b')]).toEqual([1, 5, 2]);
});

test.each(['char', 'byte'] as const)('%s: decode undoes encode', (kind) => {
  const text = '\ufeffKing Lear 😀, naïve\r\n\t“quoted”';
  const tokenizer = createTokenizer(kind, text);
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  const rebuilt = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer.json)));
  expect(rebuilt.encode(text)).toEqual(tokenizer.encode(text));
  expect(rebuilt.vocabulary).toBe(tokenizer.vocabulary);
});

test('byte tokens are UTF-8', () => {
  const tokenizer = createTokenizer('byte', '');
  expect(tokenizer.vocabulary).toBe(256);
  expect([...tokenizer.encode('é!')]).toEqual([0xc3, 0xa9, 0x21]);
});

test('what a model may write never fails to decode', () => {
  expect(createTokenizer('byte', '').decode([0xc3, 0x21])).toBe('\ufffd!');
  expect(createTokenizer('char', 'ab').decode([1, 7])).toBe('b\ufffd');
});

test('a character outside the vocabulary is named', () => {
  const error = thrownBy(() => createTokenizer('char', 'abc').encode('cabé'));
  expect(error.code).toBe('BAD_TEXT');
  expect(error.message).toBe(
    'Character 4, "é" (U+00E9), is not among the 3 characters of the training text.',
  );
});
