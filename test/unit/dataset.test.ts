import { expect, test } from 'vitest';
import { BUILTIN_TEXTS, builtinStream, builtinText, TEXT_IDS } from '../../src/engine/data/builtins.ts';
import { COPY_TASK_LOSS, createCopyTask } from '../../src/engine/data/copyTask.ts';
import { createDataset } from '../../src/engine/data/dataset.ts';
import { thrownBy } from './thrownBy.ts';

const options = { name: 'a text', tokenizer: 'char', context: 8 } as const;

test('the first 90 % train and the last 10 % validate', () => {
  const text = Array.from({ length: 199 }, (_, i) => 'abcdefghij'[i % 10]).join('');
  const { train, validation, tokenizer, bytes } = createDataset(text, options);
  expect([train.length, validation.length, bytes]).toEqual([179, 20, 199]);
  expect(tokenizer.decode(train) + tokenizer.decode(validation)).toBe(text);
});

test('size and checksum are those of the UTF-8 bytes, whatever the tokenizer', () => {
  const text = 'é😀'.repeat(100);
  const char = createDataset(text, options);
  const byte = createDataset(text, { ...options, tokenizer: 'byte' });
  expect([char.bytes, byte.bytes]).toEqual([600, 600]);
  expect(byte.train.length + byte.validation.length).toBe(600);
  expect(byte.checksum).toBe(char.checksum);
  expect(createDataset(`${text}!`, options).checksum).not.toBe(char.checksum);
});

test('an empty text', () => {
  expect(thrownBy(() => createDataset('', options)).code).toBe('BAD_TEXT');
});

test('a context longer than the text names both numbers and what fits', () => {
  const error = thrownBy(() => createDataset('x'.repeat(80), options));
  expect(error.code).toBe('TEXT_TOO_SHORT');
  expect(error.isUsage).toBe(true);
  expect(error.message).toBe(
    'Context 8 needs 9 tokens, but the validation split (the last 10 %) of "a text" has 8 of the text\'s 80.',
  );
  expect(error.hint).toBe('Use a context of at most 7, or a text of at least 81 tokens.');
  expect(createDataset('x'.repeat(80), { ...options, context: 7 }).validation.length).toBe(8);
  expect(createDataset('x'.repeat(81), options).validation.length).toBe(9);
});

test('a text too short for any context offers none', () => {
  expect(thrownBy(() => createDataset('x', options)).hint).toBe('Use a text of at least 81 tokens.');
});

test('the training split is never the one that is too short', () => {
  for (let length = 1; length < 100; length++) {
    for (let context = 1; context < 12; context++) {
      const text = 'x'.repeat(length);
      try {
        const { train } = createDataset(text, { ...options, context });
        expect(train.length).toBeGreaterThan(context);
      } catch (error) {
        expect(error).toHaveProperty('code', 'TEXT_TOO_SHORT');
        expect(length).toBeLessThan(10 * context + 1);
      }
    }
  }
});

test('copy task: every line repeats its word, and the same seed gives the same text', () => {
  const lines = createCopyTask({ lines: 500, seed: 4 }).trimEnd().split('\n');
  expect(lines.length).toBe(500);
  for (const line of lines) expect(line).toMatch(/^([a-z]{3,8})\|\1$/);
  expect(new Set(lines).size).toBeGreaterThan(450);
  expect(new Set(lines.map((line) => line.length)).size).toBe(6);
  expect(createCopyTask({ lines: 500, seed: 4 })).toBe(createCopyTask({ lines: 500, seed: 4 }));
  expect(createCopyTask({ lines: 500, seed: 5 })).not.toBe(createCopyTask({ lines: 500, seed: 4 }));
});

test('copy task: the best loss is below chance and counts the word once', () => {
  expect(COPY_TASK_LOSS).toBeCloseTo((5.5 * Math.log(26) + Math.log(6)) / 13, 12);
});

test('built-in texts: the table is complete and names are suggested', () => {
  for (const id of TEXT_IDS) expect(BUILTIN_TEXTS[id].id).toBe(id);
  expect(builtinText('sotu').title).toBe('State of the Union');
  const error = thrownBy(() => builtinText('mobydick'));
  expect(error.code).toBe('BAD_VALUE');
  expect(error.hint).toBe('Did you mean "moby-dick"?');
  expect(thrownBy(() => builtinText('constructor')).code).toBe('BAD_VALUE');
});

test('built-in texts: only the copy task is made without the loader', async () => {
  const load = async (id: string) => new TextEncoder().encode(`the text ${id}`);
  const read = async (id: 'code' | 'copy') => {
    for await (const chunk of (await builtinStream(id, load)).open()) return new TextDecoder().decode(chunk);
  };
  expect(await read('code')).toBe('the text code');
  expect(await read('copy')).toMatch(/^[a-z]+\|/);
});
