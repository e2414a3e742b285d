import { expect, test } from 'vitest';
import { plainlyNamed, plainName } from '../../../src/store/plainName.ts';

test('a name keeps its letters and emoji, and loses what would turn the words behind it round', () => {
  expect(plainName('photo\u202egpj.exe')).toBe('photogpj.exe');
  expect(plainName('a\u0000b\nc\u2067d\u200f')).toBe('abcd');
  for (const name of ['שלום عالم.txt', '<img onerror=alert(1)>', '👩\u200d🚀.txt', 'naïve 1.txt'])
    expect(plainName(name)).toBe(name);
});

test('a file with such a name keeps its content, any other stays the same file', async () => {
  const hostile = plainlyNamed(new File(['a text'], 'a\u202etxt.exe', { type: 'text/plain' }));
  expect([hostile.name, hostile.type, await hostile.text()]).toEqual(['atxt.exe', 'text/plain', 'a text']);
  const plain = new File(['a text'], 'a.txt');
  expect(plainlyNamed(plain)).toBe(plain);
});
