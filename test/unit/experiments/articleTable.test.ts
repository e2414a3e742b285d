import { describe, expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import {
  ARTICLE,
  ARTICLE_MODES,
  afterMeasuring,
  chooseTable,
  LEAST_STEPS,
  type MeasuredSpeed,
  measuredSpeed,
  measuringRuns,
  planTable,
  TABLE_MODES,
  TABLE_PRESETS,
  TABLE_SECONDS,
  TABLE_STEPS,
} from '../../../src/engine/experiments/articleTable.ts';
import { memoryPlan } from '../../../src/engine/model/memoryPlan.ts';
import { thrownBy } from '../thrownBy.ts';

const MIB = 2 ** 20;
const limits = { maxBindingBytes: 2 ** 31 };
const budget = (mebibytes: number) => ({ limits, bytes: mebibytes * MIB });
/** A device of so many FLOPs a second in every format, on which start-up takes no time. */
const speed = (flops: number, change: Partial<MeasuredSpeed> = {}): MeasuredSpeed => ({
  preset: 'smoke',
  flopsPerSec: { fp32: flops, tf32: flops, fp16: flops },
  startUp: 0,
  ...change,
});

test('the rows are the article’s, with its figures', () => {
  expect(
    ARTICLE_MODES.map((mode) => [mode, ARTICLE.figures[mode].tokensPerSec, ARTICLE.figures[mode].batch]),
  ).toEqual([
    ['fp32', 12_599, 5],
    ['tf32', 15_402, 5],
    ['fp16', 19_921, 6],
    ['fp16-tf32', 19_997, 6],
  ]);
});

describe('a planned table', () => {
  test('has every row at the largest batch that fits, and one more would not', () => {
    for (const preset of ['smoke', 'starter'] as const) {
      const given = budget(64);
      const { runs, steps } = planTable(preset, given, speed(1e12));
      expect(runs.map(({ mode }) => mode)).toEqual([...TABLE_MODES]);
      for (const { mode, config, largest } of runs) {
        expect(config).toMatchObject({ precision: mode, steps, evalEvery: 0, sampleLength: 0 });
        const bytes = (batch: number) => memoryPlan({ ...config, batch }, 128, limits).bytes.total;
        expect(bytes(config.batch), mode).toBe(largest.bytes);
        expect(largest.bytes).toBeLessThanOrEqual(given.bytes);
        expect(bytes(config.batch + 1), mode).toBeGreaterThan(given.bytes);
      }
      const [fp32, tf32, fp16, both, unscaled] = runs.map(({ config }) => config.batch);
      // TF32 is stored in 4 bytes here, some of it as rounded copies; the last three store the same values in 2.
      expect(tf32).toBeLessThanOrEqual(fp32!);
      expect([both, unscaled]).toEqual([fp16, fp16]);
      expect(fp16).toBeGreaterThan(fp32!);
    }
  });

  test('takes the time of its tokens at the measured speeds, and of its starts', () => {
    const { runs, estimate } = planTable('smoke', budget(16), speed(1e10));
    const { seconds, flopsPerToken, flopsPerSec } = estimate;
    const batches = TABLE_STEPS + PRESETS.smoke.config.evalBatches / 3;
    const tokens = runs.reduce((sum, { config }) => sum + batches * config.batch * config.context, 0);
    expect(seconds).toBeCloseTo((tokens * flopsPerToken) / flopsPerSec, 6);
    expect(planTable('smoke', budget(16), speed(1e10, { startUp: 3 })).estimate.seconds).toBeCloseTo(
      seconds + 3 * TABLE_MODES.length,
      6,
    );
    // Only TF32's row takes as long as TF32's speed says.
    const slowTf32 = speed(1e10, { flopsPerSec: { fp32: 1e10, tf32: 5e9, fp16: 1e10 } });
    const own = (batches * runs[1]!.config.batch * runs[1]!.config.context * flopsPerToken) / 1e10;
    expect(planTable('smoke', budget(16), slowTf32).estimate.seconds).toBeCloseTo(seconds + own, 6);
  });

  test('that does not fit names the model, the mode and both sizes', () => {
    const error = thrownBy(() => planTable('gpt2-163m', budget(1024), speed(1e12)));
    expect(error.message).toMatch(
      /^GPT-2 163 M in fp32 needs [\d.]+ MiB with a batch of 1; the budget is 1024\.0 MiB\.$/,
    );
    expect(error.hint).toContain('larger budget');
  });
});

describe('the chosen table', () => {
  test.each([1, 32])(
    'in %i GiB is the largest under five minutes, with as many steps as fit, and says what the next larger would take',
    (gib) => {
      let before = -1;
      for (const flops of [1e10, 1e11, 1e12, 1e13, 1e14, 1e16]) {
        const given = budget(gib * 1024);
        const { preset, estimate, steps } = chooseTable(given, speed(flops));
        const at = TABLE_PRESETS.indexOf(preset);
        expect(at, `${flops} FLOP/s`).toBeGreaterThanOrEqual(before);
        before = at;
        const larger = TABLE_PRESETS[at + 1];
        expect(estimate.larger?.preset).toBe(larger);
        if (estimate.larger?.seconds != null) {
          expect(estimate.larger.seconds).toBeGreaterThanOrEqual(TABLE_SECONDS);
          expect(planTable(larger!, given, speed(flops), LEAST_STEPS).estimate.seconds).toBe(
            estimate.larger.seconds,
          );
        }
        if (at > 0 || steps > LEAST_STEPS) expect(estimate.seconds).toBeLessThan(TABLE_SECONDS);
        const more = Math.min(TABLE_STEPS, steps + 1);
        if (more > steps) {
          const longer = planTable(preset, given, speed(flops), more).estimate.seconds;
          expect(longer).toBeGreaterThanOrEqual(TABLE_SECONDS * (1 - 1e-9));
        }
      }
      expect(TABLE_PRESETS[before]).toBe(gib === 32 ? 'gpt2-163m' : 'nanogpt-char');
    },
  );

  test('leaves out what does not fit the budget', () => {
    const { preset, estimate } = chooseTable(budget(1024), speed(1e15));
    expect(preset).not.toBe('gpt2-163m');
    expect(estimate.larger?.seconds).toBeNull();
    const error = thrownBy(() => chooseTable(budget(0.5), speed(1e15)));
    expect(error.message).toMatch(/^Smoke in fp32 needs/);
  });

  test('of a device on which even the smallest takes too long has the fewest steps', () => {
    const { preset, steps } = chooseTable(budget(1024), speed(1e8));
    expect(preset).toBe('smoke');
    expect(steps).toBe(LEAST_STEPS);
  });
});

test('the measuring runs are short, in three formats, at a batch that fits', () => {
  const runs = measuringRuns('smoke', budget(4));
  expect(runs.map(({ mode }) => mode)).toEqual(['fp32', 'tf32', 'fp16']);
  const largest = planTable('smoke', budget(4), speed(1)).runs;
  for (const { mode, config } of runs) {
    const fits = largest.find((run) => run.mode === mode)!.config.batch;
    expect(config.batch).toBe(Math.min(fits, PRESETS.smoke.config.batch));
    expect(config.steps).toBeLessThanOrEqual(20);
  }
  const measured = measuredSpeed('smoke', [
    { tokensPerSec: 100, startUpMs: 500 },
    { tokensPerSec: 50, startUpMs: 2000 },
    { tokensPerSec: 200, startUpMs: 700 },
  ]);
  expect(measured.startUp).toBe(0.7);
  const { fp32, tf32, fp16 } = measured.flopsPerSec;
  expect([tf32 / fp32, fp16 / fp32]).toEqual([0.5, 2]);
  expect(planTable('smoke', budget(4), measured).estimate.flopsPerToken * 100).toBeCloseTo(fp32, 6);
});

test('presets are in the order of their FLOPs a token', () => {
  const flops = TABLE_PRESETS.map(
    (preset) => planTable(preset, budget(64 * 1024), speed(1)).estimate.flopsPerToken,
  );
  expect(flops.toSorted((a, b) => a - b)).toEqual(flops);
});

test('a measurement is followed by that of a larger preset which it promises, and else by the table', () => {
  const given = budget(32 * 1024);
  const promised = chooseTable(given, speed(1e14)).preset;
  expect(TABLE_PRESETS.indexOf(promised)).toBeGreaterThan(0);
  expect(afterMeasuring(null, given, speed(1e14))).toEqual({ measure: promised });
  // Measured itself, it is trained if it is fast enough, and else a smaller one without another measurement.
  for (const flops of [1e14, 1e11]) {
    const after = afterMeasuring(null, given, speed(flops, { preset: promised }));
    expect('plan' in after && after.plan.estimate.measured, `${flops}`).toBe(promised);
  }
  expect(afterMeasuring('gpt2', given, speed(1e6))).toMatchObject({ plan: { preset: 'gpt2', steps: 100 } });
});
