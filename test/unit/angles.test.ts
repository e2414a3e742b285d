import { expect, test } from 'vitest';
import { readRopeScaling } from '../../src/engine/config/ropeScaling.ts';
import { angleTable, ropeFrequencies } from '../../src/engine/model/angles.ts';
import { ropeFrequencies as frequenciesOracle } from '../../src/engine/reference/rope.ts';
import { llamaConfig } from '../gpu/kernels/decoderConfig.ts';

test.each([
  { ropeBase: 10_000, ropeScaling: 'none' },
  { ropeBase: 500_000, ropeScaling: 'llama3:32:1:4:8192' },
])(
  '%o: frequencies are those of the oracle, which finds them in another way',
  ({ ropeBase, ropeScaling }) => {
    const config = llamaConfig({ ropeBase, ropeScaling, headSize: 64 });
    const wanted = frequenciesOracle(64, { base: ropeBase, scaling: readRopeScaling(ropeScaling) });
    for (const [i, frequency] of ropeFrequencies(config).entries())
      expect(Math.abs(frequency / wanted[i]! - 1)).toBeLessThan(2 ** -48);
  },
);

test('a table has cosines and sines of four pairs in turns, the nearest f32 at every position', () => {
  const config = llamaConfig({ headSize: 16, context: 5000 });
  const table = angleTable(config);
  expect(table.length).toBe(5000 * 16);
  const frequencies = ropeFrequencies(config);
  for (const position of [0, 1, 4999]) {
    const row = table.subarray(16 * position, 16 * position + 16);
    const angles = Array.from(frequencies, (frequency) => position * frequency);
    const four = (f: (x: number) => number, from: number) =>
      angles
        .slice(from, from + 4)
        .map(f)
        .map(Math.fround);
    expect([...row]).toEqual([
      ...four(Math.cos, 0),
      ...four(Math.sin, 0),
      ...four(Math.cos, 4),
      ...four(Math.sin, 4),
    ]);
  }
});
