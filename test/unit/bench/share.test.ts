/** Shares of the measured f32 peak: none exceeds 1 except with matrix units, which can exceed that peak. */
import { expect, test } from 'vitest';
import { peakShare } from '../../../src/cli/format.ts';
import { ofPeak } from '../../../src/engine/bench/ofPeak.ts';
import { shareOfPeak } from '../../../src/engine/gpu/roofline.ts';
import { usesMatrixUnits } from '../../../src/engine/kernels/kernelChoice.ts';

test('a share above 1 says that the peak was measured too low: it is left out', () => {
  expect(shareOfPeak(0.64e9, 0.44e9, false)).toBeNull();
  expect(shareOfPeak(1e9, 1e9, false)).toBe(1);
  expect(shareOfPeak(0.64e9, 33e9, false)).toBeCloseTo(0.0194, 4);
  expect(shareOfPeak(1e9, 0, false)).toBeNull();
  expect(shareOfPeak(1e9, 0, true)).toBeNull();
});

test('with matrix units it may be above 1', () => {
  expect(shareOfPeak(5e12, 1e12, true)).toBe(5);
  expect(usesMatrixUnits({ matmul: 'register8', subgroupMatrix: 'f16 to f32, 16 x 16 x 16' })).toBe(true);
  expect(usesMatrixUnits({ matmul: 'register8', subgroupMatrix: 'not used: slower' })).toBe(false);
  expect(usesMatrixUnits({ matmul: 'register8' })).toBe(false);
});

test('of a matmul timed in turns, each of the three shares is checked separately', () => {
  // The peak's kernel takes a second for its FLOP; the matmul, of as many, 2, 1.25 or 0.8 seconds.
  const pairs = [2, 2, 2, 1.25, 1.25, 0.8, 0.8, 0.8].map((seconds): [number, number] => [1, seconds]);
  const work = { work: 1e9, peakWork: 1e9, pairs };
  expect(ofPeak({ ...work, usesMatrix: false })).toMatchObject({ quartiles: [0.5, null] });
  expect(ofPeak({ ...work, usesMatrix: true })).toMatchObject({ quartiles: [0.5, 1.25] });
  const fast = { ...work, pairs: pairs.map((): [number, number] => [1, 0.5]) };
  expect(ofPeak({ ...fast, usesMatrix: false })).toMatchObject({ ofPeak: null, quartiles: [null, null] });
});

test('where a share is missing, tables say so in words', () => {
  expect(peakShare(0.5)).toBe('50.0 %');
  expect(peakShare(null)).toBe('peak unknown');
});
