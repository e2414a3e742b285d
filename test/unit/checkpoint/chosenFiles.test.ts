/** Files that are chosen or dropped together. */
import { expect, test } from 'vitest';
import { chosenFiles, isModel } from '../../../src/engine/checkpoint/chosenFiles.ts';

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

test('a single file with another name is left to the reader; two models are refused here', () => {
  expect(chosen('pytorch_model.bin')).toEqual(['pytorch_model.bin', null, null, null]);
  expect(chosen('a.safetensors', 'b.safetensors', 'c.safetensors')).toBe(
    'There are 3 files of weights: "a.safetensors", "b.safetensors" and 1 more.',
  );
});

test('files without weights are refused with what is missing, whichever is the first', () => {
  const missing = 'a .safetensors file, the index of several, or a .gguf file is missing.';
  expect(chosen('config.json')).toBe(`"config.json" has no weights: ${missing}`);
  expect(chosen('README.md', 'config.json')).toBe(
    `None of the 2 files ("README.md", "config.json") has weights that are read here: ${missing}`,
  );
  expect(chosen('README.md', 'vocab.json', 'config.json', 'pytorch_model.bin')).toBe(
    'None of the 4 files ("README.md", "vocab.json", "config.json" and 1 more) has weights that are read here: "pytorch_model.bin" is a Python pickle.',
  );
});

test('a dropped file is a model’s by its name, and several are, as is what lies beside weights', () => {
  expect(isModel(files('a.safetensors'))).toBe(true);
  expect(isModel(files('model.safetensors.index.json'))).toBe(true);
  expect(isModel(files('config.json'))).toBe(true);
  expect(isModel(files('README.md', 'vocab.json'))).toBe(true);
  expect(isModel(files('runs.json'))).toBe(false);
  expect(isModel(files('text.txt'))).toBe(false);
});
