import { expect, test } from 'vitest';
import { benchHelp, parseBench, shapesOn } from '../../../src/cli/benchOptions.ts';
import { thrownBy } from '../thrownBy.ts';

test('without options everything but the long run measures the compared shapes', () => {
  expect(parseBench([])).toEqual({
    kind: 'bench',
    stages: ['roofline', 'kernels', 'step', 'scaling', 'longtasks', 'peers'],
    shapes: null,
    modes: ['fp32', 'tf32', 'fp16', 'bf16'],
    budget: null,
    steps: 10_000,
    python: null,
    json: undefined,
  });
});

test('without shapes a software renderer measures the smallest', () => {
  expect(shapesOn({ isFallback: false }, null)).toEqual(['a', 'b']);
  expect(shapesOn({ isFallback: true }, null)).toEqual(['smoke']);
  expect(shapesOn({ isFallback: true }, ['b'])).toEqual(['b']);
});

test('every option is read', () => {
  const args =
    '--only step,peers --shapes gpt2,smoke --precision fp16 --budget 24GiB --steps 500 --python venv/bin/python --json f.json';
  expect(parseBench(args.split(' '))).toEqual({
    kind: 'bench',
    stages: ['step', 'peers'],
    shapes: ['gpt2', 'smoke'],
    modes: ['fp16'],
    budget: 24 * 2 ** 30,
    steps: 500,
    python: 'venv/bin/python',
    json: 'f.json',
  });
});

test('an unknown stage, shape, mode, size or number is named', () => {
  expect(thrownBy(() => parseBench(['--only', 'roof,steps']))).toMatchObject({
    message: '--only has "roof".',
    hint: 'Did you mean "roofline"?',
  });
  expect(thrownBy(() => parseBench(['--shapes', 'smoke,gpt3']))).toMatchObject({
    message: '--shapes has "gpt3".',
    hint: 'Did you mean "gpt2"?',
  });
  expect(thrownBy(() => parseBench(['--precision', 'fp31'])).hint).toBe('Did you mean "fp32"?');
  expect(thrownBy(() => parseBench(['--budget', 'much'])).message).toBe('--budget is "much".');
  for (const steps of ['0', '-5', '1e3', '2.5']) {
    expect(thrownBy(() => parseBench([`--steps=${steps}`])).message).toBe(`--steps is "${steps}".`);
  }
});

test('the help has every option', () => {
  for (const option of ['--only', '--shapes', '--precision', '--budget SIZE', '--steps N', '--json FILE']) {
    expect(benchHelp()).toContain(option);
  }
  expect(parseBench(['--help'])).toEqual({ kind: 'help' });
});
