import { expect, test } from 'vitest';
import { sampleCaption, tokenName } from '../../../src/app/features/samples/sampleMessages.ts';
import {
  readingLine,
  textFactsLine,
  textProgressLine,
  textShare,
} from '../../../src/app/features/text/textMessages.ts';
import { progressIcon } from '../../../src/app/progressIcon.ts';

test('the progress of a text is given in megabytes, and of the total if it is known', () => {
  const half = { stage: 'reading', bytes: 100e6, size: 200e6 } as const;
  expect(textProgressLine(null)).toBe('Starting to read');
  expect(textProgressLine(half)).toBe('Reading, 100.0 of 200.0 MB');
  expect(textProgressLine({ ...half, stage: 'downloading', size: null })).toBe('Loading, 100.0 MB');
  const learning = { stage: 'learning', pairs: 1200, of: 3840 } as const;
  expect([textProgressLine(learning), textShare(learning)]).toEqual([
    'Learning BPE tokens, 1,200 of 3,840',
    0.5,
  ]);
});

test('a file is read twice, so one pass is half of the progress', () => {
  const at = (stage: 'downloading' | 'reading' | 'tokenizing', bytes: number, size: number | null = 10) =>
    textShare({ stage, bytes, size });
  expect([at('reading', 5), at('reading', 10), at('tokenizing', 0), at('tokenizing', 10)]).toEqual([
    0.25, 0.5, 0.5, 1,
  ]);
  expect([at('downloading', 5), at('downloading', 5, null), textShare(null)]).toEqual([0.5, null, 0]);
});

test('a text is described by its contents', () => {
  const facts = {
    name: 'a',
    bytes: 2000,
    tokens: 1990,
    vocabulary: 40,
    checksum: '0',
    endMarks: 0,
    unlearned: 0,
  };
  expect(textFactsLine(facts, 'char')).toBe('1,990 characters, 40 different');
  expect(textFactsLine({ ...facts, bytes: 2_000_000 }, 'char')).toBe(
    '1,990 characters (2.0 MB), 40 different',
  );
  expect(textFactsLine(facts, 'gpt2')).toBe('1,990 tokens from a vocabulary of 40');
});

test('unexpected ways in which a text was read are pointed out', () => {
  const read = { endMarks: 0, unlearned: 0 };
  expect(readingLine(read, 'gpt2')).toBeNull();
  expect(readingLine({ ...read, endMarks: 1200 }, 'gpt2')).toBe(
    '<|endoftext|> occurs 1,200 times and is read as ordinary characters.',
  );
  expect(readingLine({ ...read, endMarks: 1 }, 'char')).toBe(
    "<|endoftext|> occurs once and is read as ordinary characters; GPT-2's tokenizer has a token for it.",
  );
  expect(readingLine({ ...read, endMarks: 2 }, 'gpt2-eot')).toBe(
    '<|endoftext|> occurs 2 times and marks the end of a document (token 50,256).',
  );
  expect(readingLine({ ...read, unlearned: 2_500_000 }, 'bpe:1024')).toBe(
    'BPE tokens were learned from its first 8 MiB of different words; 2.5 MB of other words were left out.',
  );
});

test('a sample is captioned with step and loss, and a requested one with its options', () => {
  const heading = { step: 1200, loss: 2.3456, prompt: '', length: 9, temperature: 0.8, topK: 40, seed: 7 };
  expect(sampleCaption({ ...heading, kind: 'live' })).toBe('Step 1,200, loss 2.346');
  expect(sampleCaption({ ...heading, kind: 'live', loss: null })).toBe('Step 1,200, loss not finite');
  expect(sampleCaption({ ...heading, kind: 'live', step: 0, loss: null })).toBe('Before the first step');
  expect(sampleCaption({ ...heading, kind: 'asked', topK: 0 })).toBe(
    'Step 1,200, loss 2.346, temperature 0.8, all tokens, seed 7',
  );
  expect(sampleCaption({ ...heading, kind: 'asked', topP: 0.9, repetitionPenalty: 1.2 })).toBe(
    'Step 1,200, loss 2.346, temperature 0.8, top-k 40, top-p 0.9, repetition penalty 1.2, seed 7',
  );
});

test('invisible tokens are named', () => {
  expect(['\n', ' ', 'e', ''].map(tokenName)).toEqual(['line break', 'space', 'e', 'part of a character']);
});

test('the icon is filled to its share', () => {
  expect(progressIcon(0)).toContain('stroke-dasharray="0.0 75.4"');
  expect(progressIcon(0.5)).toContain('stroke-dasharray="37.7 75.4"');
});
