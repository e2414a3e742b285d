import { expect, test } from 'vitest';
import { stepMilliseconds } from '../../src/engine/gpu/gpuClock.ts';

test.each([
  ['of a step', 1_000_000n, 4_500_000n, 3.5],
  ['beyond what an f64 counts exactly', 2n ** 62n, 2n ** 62n + 2_000_000n, 2],
  ['that runs backwards', 4_500_000n, 1_000_000n, null],
  ['that stands still', 4_500_000n, 4_500_000n, null],
  ['that never started', 0n, 4_500_000n, null],
  ['of a driver that writes nothing', 0n, 0n, null],
])('the time %s', (_, start, end, milliseconds) => {
  expect(stepMilliseconds(new BigUint64Array([start, end]).buffer)).toBe(milliseconds);
});
