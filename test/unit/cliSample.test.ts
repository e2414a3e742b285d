/** Options of `sample`, and the model that it and `evaluate` are given. */
import { describe, expect, test } from 'vitest';
import { readArguments } from '../../src/cli/arguments.ts';
import { openGivenModel } from '../../src/cli/givenModel.ts';
import { SAMPLE_OPTIONS, sampleOptions } from '../../src/cli/sampleOptions.ts';
import { checkSample } from '../../src/engine/train/sampler.ts';
import { thrownBy } from './thrownBy.ts';

const read = (...args: string[]) => sampleOptions(readArguments('sample', SAMPLE_OPTIONS, args));

test('what is not given is neutral, and passes the check of a sample', () => {
  const options = read('--init', 'x');
  expect(options).toMatchObject({ prompt: '', topK: 0, topP: 1, repetitionPenalty: 1, stop: undefined });
  expect(() => checkSample(options)).not.toThrow();
});

test('every option reaches the sample', () => {
  const given =
    '--tokens 64 --temperature 0 --top-k 40 --top-p .9 --repetition-penalty 1.2 --seed 5 --stop 2,0';
  expect(read(...given.split(' '), '--prompt', 'Once upon')).toEqual({
    ...{ prompt: 'Once upon', length: 64, temperature: 0, topK: 40, topP: 0.9 },
    ...{ repetitionPenalty: 1.2, seed: 5, stop: [2, 0] },
  });
});

test('a prompt may begin as an option does', () => {
  expect(read('--prompt=--init').prompt).toBe('--init');
  expect(thrownBy(() => read('--prompt', '--init')).message).toBe('--prompt needs a value.');
});

test.each([
  ['--temperature', 'warm', '--temperature is "warm".'],
  ['--tokens', '0', '--tokens is "0".'],
  ['--stop', '2,x', '--stop is "x".'],
])('%s %s is refused by name', (option, value, message) => {
  expect(thrownBy(() => read(option, value))).toMatchObject({ code: 'BAD_VALUE', message });
});

describe('the model', () => {
  const opened = (given: Record<string, string>) =>
    openGivenModel(new Map(Object.entries(given))).catch((error: unknown) => error);

  test('must be given, once', async () => {
    expect(await opened({})).toMatchObject({ code: 'BAD_VALUE', message: 'No model was given.' });
    expect(await opened({ init: 'a', resume: 'b' })).toMatchObject({
      code: 'BAD_VALUE',
      message: 'Both --init a and --resume b were given.',
    });
  });

  test('must be there', async () => {
    for (const option of ['init', 'resume']) {
      const error = await opened({ [option]: '/no/such/model.safetensors' });
      expect(error).toMatchObject({ message: expect.stringContaining('model.safetensors') });
    }
  });
});
