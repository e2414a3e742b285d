/** Takes minutes: `node scripts/on-matrix-units.mjs node_modules/vitest/vitest.mjs run --project matrix-long`. */
import { test } from 'vitest';
import { compareTraining } from '../training.ts';

test('four layers of width 128 in fp16 train on matrix units as they do without', () =>
  compareTraining('shape a', { layers: 4, heads: 4, width: 128, context: 64, batch: 12 }));
