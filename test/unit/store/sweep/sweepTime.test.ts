import { expect, test } from 'vitest';
import { type PlannedRun, PRESETS, type SweepCell, type VariantId } from '../../../../src/engine/index.ts';
import type { KeptSweep } from '../../../../src/store/sweep/records.ts';
import { secondsOf, similarCells } from '../../../../src/store/sweep/sweepTime.ts';

const cell = (mode: VariantId, steps: number, seconds: number): SweepCell => ({
  mode,
  learningRate: 1e-3,
  seed: 1,
  loss: 3,
  stopped: null,
  steps,
  skippedSteps: 0,
  tokensPerSec: null,
  seconds,
});
const planned = (mode: VariantId, steps: number): PlannedRun =>
  ({ mode, config: { ...PRESETS.smoke.config, steps } }) as PlannedRun;

test('the time left is that of the finished cells of the same mode, or of all where it has none', () => {
  const cells = [cell('fp32', 100, 10), cell('fp32', 100, 30), cell('fp16', 100, 80)];
  expect(secondsOf([planned('fp32', 50)], cells)).toBe(10);
  expect(secondsOf([planned('fp16', 50), planned('fp32', 100)], cells)).toBe(60);
  expect(secondsOf([planned('bf16', 300)], cells)).toBe(120);
  expect(secondsOf([planned('fp32', 50)], [])).toBeNull();
  expect(secondsOf([planned('fp32', 50)], [cell('fp32', 0, 4)])).toBeNull();
});

test('cells of other sweeps count where model and text are the same', () => {
  const grid = { modes: ['fp32'], learningRates: [1e-3], seeds: [1] } as const;
  const plan = { preset: 'smoke', given: { steps: 100 }, text: 'moby-dick', grid } as const;
  const sweep = (change: Partial<KeptSweep>): KeptSweep => ({
    ...plan,
    id: 'a',
    time: 0,
    settings: null,
    cells: [cell('fp32', 100, 10)],
    ...change,
  });
  const count = (...sweeps: KeptSweep[]) => similarCells(plan, sweeps).length;
  expect(count(sweep({}), sweep({ given: { steps: 7 } }), sweep({ given: {} }))).toBe(3);
  expect(count(sweep({ preset: 'starter' }), sweep({ given: { batch: 2 } }))).toBe(0);
});
