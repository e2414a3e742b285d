/** Files that are chosen or dropped together. */
import { expect, test } from 'vitest';
import { chosenFiles, hasWeights } from '../../../src/engine/checkpoint/chosenFiles.ts';

const files = (...names: string[]) => names.map((name) => new File([], name));
const chosen = (...names: string[]) => {
  const found = chosenFiles(files(...names));
  if ('message' in found) return found.message;
  const { config, tokenizer, generation } = found;
  return [found.weights.name, ...[config, tokenizer, generation].map((file) => file?.name ?? null)];
};

test('the weights, configuration and tokenizer of a model’s folder are found in any order', () => {
  const folder = [
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'tokenizer.json',
    'vocab.json',
  ];
  const all = ['model.safetensors', 'config.json', 'tokenizer.json', 'generation_config.json'];
  expect(chosen(...folder)).toEqual(all);
  expect(chosen(...folder.reverse(), 'README.md', 'pytorch_model.bin')).toEqual(all);
  expect(chosen('generation_config.json', 'M.SAFETENSORS')).toEqual([
    ...['M.SAFETENSORS', null, null, 'generation_config.json'],
  ]);
  expect(chosen('a.safetensors', 'config (2).json', 'tokenizer(1).json')).toEqual([
    ...['a.safetensors', 'config (2).json', 'tokenizer(1).json', null],
  ]);
});

test('files with other names are left to the reader; JSON alone and two models are refused here', () => {
  expect(chosen('config.json', 'pytorch_model.bin')).toEqual([
    ...['pytorch_model.bin', 'config.json', null, null],
  ]);
  expect(chosen('config.json')).toBe('"config.json" has no weights.');
  expect(chosen('config.json', 'tokenizer.json')).toBe('The 2 files have no weights.');
  expect(chosen('a.safetensors', 'b.safetensors', 'c.safetensors')).toBe(
    'There are 3 files of weights: "a.safetensors", "b.safetensors" and 1 more.',
  );
  expect(hasWeights(files('config.json', 'a.safetensors'))).toBe(true);
  expect(hasWeights(files('config.json', 'text.txt'))).toBe(false);
});
