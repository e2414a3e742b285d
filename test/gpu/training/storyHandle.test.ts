/** The handle of the story: what it says of another loss scale is what a run at that scale loses. */
import { expect, test } from 'vitest';
import type { TrainConfig } from '../../../src/engine/index.ts';
import type { NumericsFrame } from '../../../src/engine/inspect/frame.ts';
import { gradientHistogram } from '../../../src/store/story/histogram.ts';
import { takeSteps, withTrainer } from './helper.ts';

/** The gradients of the first step, in which all runs have the same weights and batch. */
const firstStep = (overrides: Partial<TrainConfig>): Promise<NumericsFrame> =>
  withTrainer({ batch: 8, ...overrides }, async (trainer) => {
    await trainer.numerics.enable(1, false);
    await takeSteps(trainer, 1);
    return trainer.numerics.takeFrames()[0]!;
  });

const lostAt = (frame: NumericsFrame, scaleLog2: number) =>
  gradientHistogram(frame, scaleLog2, 'f16').lostShare!;

/**
 * Gradients that a run rounds upstream change those downstream, so that a value may fall into the next bin: the figure lies
 * between the handle's one bin to either side. Where gradients cancel, a few change by more: those may be a thousandth.
 */
const CANCELLED = 0.001;

test('moved to 2^k, the handle on the run without scaling has the figure of a run at 2^k, within a bin', async () => {
  const unscaled = await firstStep({ precision: 'fp16-noscale' });
  for (const scale of [0, 3, 16]) {
    const run = await firstStep({ precision: 'fp16-static', lossScale: 2 ** scale });
    expect(run.scale).toBe(2 ** scale);
    const lost = lostAt(run, scale);
    const [high, low] = [lostAt(unscaled, scale - 1), lostAt(unscaled, scale + 1)];
    console.log(
      `2^${scale}: lost ${lost}, the handle ${lostAt(unscaled, scale)}, a bin to either side ${low} to ${high}`,
    );
    expect(lost).toBeGreaterThanOrEqual(low - CANCELLED);
    expect(lost).toBeLessThanOrEqual(high + CANCELLED);
    // The shape moves as a whole: the share below every exponent, not only below the smallest number of f16.
    const [real, handle] = [run, unscaled].map((frame) => below(gradientHistogram(frame, scale, 'f16').bins));
    for (let bin = 1; bin + 1 < real!.length; bin++) {
      expect(real![bin]).toBeGreaterThanOrEqual(handle![bin - 1]! - CANCELLED);
      expect(real![bin]).toBeLessThanOrEqual(handle![bin + 1]! + CANCELLED);
    }
  }
  // Without it the test would say nothing: at 2^0 the run loses much, and at 2^16 next to nothing.
  expect(lostAt(unscaled, 0)).toBeGreaterThan(2 * CANCELLED);
  expect(lostAt(unscaled, 16)).toBeLessThan(CANCELLED);
});

/** Share of the values below the end of each bin. */
function below(bins: readonly { readonly share: number }[]): number[] {
  let sum = 0;
  return bins.map(({ share }) => (sum += share));
}
