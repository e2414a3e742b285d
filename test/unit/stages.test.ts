import { expect, test } from 'vitest';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { checkGiven } from '../../src/engine/config/settings/rules.ts';
import { checkConfig } from '../../src/engine/config/trainConfig.ts';
import { TURNING } from '../../src/engine/kernels/levels.ts';
import { forwardTensors } from '../../src/engine/model/forwardTensors.ts';
import { stageTimes } from '../../src/engine/model/levels.ts';
import { DEFAULT_LIMITS } from '../../src/engine/model/tensors.ts';
import {
  integerBits,
  NOISE_HYSTERESIS,
  SCHEDULES,
  stageCost,
  stagesOf,
} from '../../src/engine/precision/levels.ts';
import { recipeOf } from '../../src/engine/precision/recipes.ts';
import { nextStageOfBlock } from '../../src/engine/reference/noiseLevels.ts';
import { firstStage, nextStage, type StageRule, type StageState } from '../../src/engine/reference/stages.ts';
import { thrownBy } from './thrownBy.ts';

const NEVER = [1e9, 1e9, 1e9];

/** Steps at which a stage begins after, and the states after each step. */
function trace(losses: (step: number) => number, steps: number, rule: Partial<StageRule> = {}) {
  const whole: StageRule = { window: 1, stages: 4, ...TURNING, forced: NEVER, ...rule };
  const turned: number[] = [];
  const thresholds: number[] = [whole.threshold];
  let state: StageState = firstStage(whole);
  for (let step = 1; step <= steps; step++) {
    const next = nextStage(state, whole, step, losses(step));
    if (next.stage > state.stage) {
      turned.push(step);
      thresholds.push(next.threshold);
    }
    state = next;
  }
  return { turned, thresholds, state };
}

test('a constant loss turns after 5, 10 and 15 observations, at thresholds 0.05, 0.015 and 0.0045', () => {
  const { turned, thresholds, state } = trace(() => 2, 40);
  expect(turned).toEqual([5, 10, 15]);
  expect(thresholds.slice(0, 3).map((value) => Number(value.toFixed(6)))).toEqual([0.05, 0.015, 0.0045]);
  expect(state).toMatchObject({ stage: 3, forced: 0 });
});

test('a loss of 1 / step does not turn while it falls by more than the threshold', () => {
  const { turned } = trace((step) => 1 / step, 40);
  expect(turned[0]).toBeGreaterThan(10);
  const [first] = turned;
  const scale = Array.from({ length: 10 }, (_, i) => 1 / (i + 1)).reduce((a, b) => a + b) / 10;
  expect(1 / (first! - 4) - 1 / first!).toBeLessThanOrEqual(0.05 * scale);
  expect(1 / (first! - 5) - 1 / (first! - 1)).toBeGreaterThan(0.05 * scale);
});

test('observations are means of windows, without losses that are not finite', () => {
  const spiky = trace((step) => (step % 3 === 0 ? Number.NaN : 2 + (step % 3 === 1 ? 1 : -1)), 60, {
    window: 3,
  });
  expect(spiky.turned).toEqual([15, 30, 45]);
  const lost = trace(() => Number.NaN, 60, { window: 3 });
  expect(lost.turned).toEqual([]);
});

test('a stage whose turn has come is reached whatever the loss does, and counted', () => {
  const { turned, state } = trace((step) => 100 - 2 * step, 80, { forced: [20, 40, 60] });
  expect(turned).toEqual([20, 40, 60]);
  expect(state).toMatchObject({ stage: 3, forced: 3 });
});

test('the last stage is reached after three quarters of any run with a schedule', () => {
  for (const steps of [40, 41, 99, 500, 2000]) {
    const { window, forced } = stageTimes({ steps });
    expect(window).toBe(Math.floor(steps / 40));
    expect(forced[2]).toBeLessThanOrEqual(Math.ceil(0.75 * steps));
    expect(forced[2]).toBeLessThan(steps);
  }
});

test('the simulated cost of the four stages is 1.46, 2.08, 4.30 and 6.25 %, 43.6 % less than 8 bits in equal shares', () => {
  const costs = stagesOf('i8g8', 'pfq', 'affine', 'rne').map((stage) => 100 * stageCost(stage));
  expect(costs.map((cost) => cost.toFixed(2))).toEqual(['1.46', '2.08', '4.30', '6.25']);
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / 4;
  expect(1 - mean / costs[3]!).toBeCloseTo(0.436, 3);
});

test('a block goes up at more noise than the threshold, down where it would stay below half of it, and then stays', () => {
  const rule = { stages: 4, threshold: 0.1, lower: 0.1 * NOISE_HYSTERESIS };
  // Noise of each stage: that of 3, 4, 6 and 8 bits falls with the square of the number of levels.
  const trace = (noise: readonly number[], from: number) => {
    const stages = [from];
    for (let i = 0; i < 8; i++) {
      const stage = stages.at(-1)!;
      const measured = { own: noise[stage]!, below: noise[Math.max(stage - 1, 0)]! };
      stages.push(nextStageOfBlock(stage, measured, rule));
    }
    return stages;
  };
  expect(trace([0.2, 0.04, 0.002, 0.0001], 3)).toEqual([3, 2, 1, 1, 1, 1, 1, 1, 1]);
  // Between half the threshold and the threshold a block stays where it is, above and below alike.
  expect(trace([0.4, 0.08, 0.004, 0.0002], 3)).toEqual([3, 2, 2, 2, 2, 2, 2, 2, 2]);
  expect(trace([0.4, 0.08, 0.004, 0.0002], 0)).toEqual([0, 1, 1, 1, 1, 1, 1, 1, 1]);
  expect(trace([1, 1, 1, 1], 0)).toEqual([0, 1, 2, 3, 3, 3, 3, 3, 3]);
  expect(trace([0.01, 0.01, 0.01, 0.01], 3)).toEqual([3, 2, 1, 0, 0, 0, 0, 0, 0]);
  expect(nextStageOfBlock(2, null, rule)).toBe(2);
});

test('a finished model of blocks with their own levels is read at its mode', () => {
  const config = { ...PRESETS.smoke.config, precision: 'i8g8', precisionSchedule: 'noise' } as const;
  const { levels, recipe } = forwardTensors(config, 80, DEFAULT_LIMITS);
  expect(levels!.ofBlocks).toBeUndefined();
  expect(recipe.stages.map(({ name }) => name)).toEqual(['i8g8']);
});

test('names of modes with simulated integers', () => {
  expect(integerBits('i4g6')).toEqual({ bits: 4, gradientBits: 6 });
  for (const name of ['i1g8', 'i9g8', 'i8', 'i08g8', 'int8']) expect(integerBits(name)).toBeNull();
  expect(recipeOf('i3g6').stages.map(({ name }) => name)).toEqual(['i3g6']);
  expect(thrownBy(() => recipeOf('i9g8')).hint).toContain('from 2 to 8');
});

test('a schedule that does not end at the mode, or whose last stage the run does not reach, is refused by name', () => {
  const { config } = PRESETS.smoke;
  const scheduled = { ...config, precision: 'i8g8', precisionSchedule: 'pfq', warmup: 0 } as const;
  expect(() => checkConfig({ ...scheduled, steps: 40 })).not.toThrow();
  expect(thrownBy(() => checkConfig({ ...scheduled, steps: 39 })).message).toBe(
    'precision-schedule pfq has 4 stages, and a run of 39 steps ends before its last one.',
  );
  expect(thrownBy(() => checkConfig({ ...scheduled, precision: 'e8m7' })).message).toBe(
    'precision-schedule pfq ends at i8g8, but the mode is e8m7.',
  );
  const noisy = { ...scheduled, precisionSchedule: 'noise', noiseThreshold: 0.05 } as const;
  expect(() => checkConfig({ ...noisy, steps: 40 })).not.toThrow();
  expect(thrownBy(() => checkConfig({ ...noisy, steps: 39 }))).toMatchObject({
    message:
      'precision-schedule noise chooses levels 40 times, after equal parts of a run, and this run has only 39 steps.',
    hint: 'Use at least 40 steps, or precision i8g8 without a schedule.',
  });
  expect(thrownBy(() => checkConfig({ ...noisy, precision: 'e8m7', noiseThreshold: null })).message).toBe(
    'precision-schedule noise ends at i8g8, but the mode is e8m7.',
  );
  expect(thrownBy(() => checkConfig({ ...noisy, precision: 'fp16' })).message).toContain(
    'precision-schedule',
  );
  expect(
    thrownBy(() => checkGiven({ noiseThreshold: 0.05 }, { ...scheduled, noiseThreshold: 0.05 })).message,
  ).toBe('precision-schedule pfq does not use noise-threshold, but noise-threshold 0.05 was given.');
  // A whole configuration, as programs give it: it has a threshold only if one was given.
  expect(() => checkConfig({ ...scheduled, steps: 40, noiseThreshold: null })).not.toThrow();
  for (const precisionSchedule of ['none', 'pfq'] as const) {
    const config = { ...scheduled, steps: 40, precisionSchedule, noiseThreshold: 0.05 } as const;
    expect(thrownBy(() => checkConfig(config))).toMatchObject({
      message: `precision-schedule ${precisionSchedule} does not use noise-threshold, but noise-threshold 0.05 was given.`,
      hint: 'Leave it out, or use another precision-schedule.',
    });
  }
  expect(Object.keys(SCHEDULES)).toEqual(['none', 'pfq', 'noise', 'pfq-float']);
});
