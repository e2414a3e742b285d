import { expect, test } from 'vitest';
import { savingSentence } from '../../../src/app/features/memory/memoryMessages.ts';
import { totalWords } from '../../../src/app/features/memory/memoryTotal.ts';
import { presetOf } from '../../../src/engine/config/presets.ts';
import { memoryPlan } from '../../../src/engine/model/memoryPlan.ts';
import { PRECISION_MODES, type PrecisionMode } from '../../../src/engine/precision/recipes.ts';

const bytesOf = (precision: PrecisionMode) =>
  memoryPlan({ ...presetOf('starter').config, precision }, 80).bytes;
const sentence = (precision: PrecisionMode) => savingSentence('It', bytesOf(precision), bytesOf('fp32'));

test('one sentence says what 16-bit floats save and what their copies cost', () => {
  expect(sentence('fp16')).toMatch(
    /^It saves \d+\.\d MiB against FP32: activations and their gradients −\d+\.\d, weight copies \+1\.\d, logits −0\.\d, the rest \+0\.\d\.$/,
  );
  expect(sentence('fp16-pure')).toMatch(/, weights −.*, gradients −.*, optimizer −/);
});

test('a mode that takes more memory is described as such', () => {
  expect(sentence('tf32')).toMatch(/^It adds \d+\.\d MiB against FP32: activations and their gradients \+/);
  expect(savingSentence('FP32', bytesOf('fp32'), bytesOf('fp32'))).toBe('FP32 takes as much memory as FP32.');
});

test.each(PRECISION_MODES)('%s: the parts add up to the sum, up to rounding', (precision) => {
  const text = sentence(precision);
  const total = Number(/([\d.]+) MiB/.exec(text)?.[1] ?? 0) * (text.includes('adds') ? 1 : -1);
  const parts = [...text.matchAll(/([−+])([\d.]+)(?=[,.])/g)].map(
    ([, sign, value]) => Number.parseFloat(value!) * (sign === '−' ? -1 : 1),
  );
  expect(Math.abs(parts.reduce((a, b) => a + b, 0) - total)).toBeLessThan(0.06 * (parts.length + 1));
});

test('runs in lockstep need their memory together, sequential runs one after the other', () => {
  const MIB = 2 ** 20;
  expect(totalWords([12 * MIB], true)).toBe('12.0 MiB');
  expect(totalWords([12 * MIB, 3.5 * MIB], true)).toBe('15.5 MiB together');
  expect(totalWords([12 * MIB, 3.5 * MIB], false)).toBe('up to 12.0 MiB');
  expect(totalWords([2048 * MIB], false)).toBe('2.0 GiB');
});
