import { describe, expect, test } from 'vitest';
import { type ComparedRun, compareRuns, type TimedEval } from '../../../src/engine/experiments/comparison.ts';
import { firstDivergence } from '../../../src/engine/experiments/divergence.ts';
import { interpolate } from '../../../src/engine/experiments/interpolate.ts';
import { spreadOf } from '../../../src/engine/experiments/spread.ts';
import { verdict } from '../../../src/engine/experiments/verdict.ts';

const curve = (losses: readonly number[]) => ({ steps: losses.map((_, i) => i + 1), losses });
const flat = (count: number, loss = 3) => new Array<number>(count).fill(loss);

/** Evaluations at steps 10, 20, ... with the losses given, `secondsPerStep` apart. */
function evals(losses: readonly (number | null)[], secondsPerStep: number | null = 0.1): TimedEval[] {
  return losses.map((valLoss, i) => {
    const step = 10 * (i + 1);
    return { step, valLoss, seconds: secondsPerStep === null ? null : step * secondsPerStep };
  });
}

function run(change: Partial<ComparedRun>): ComparedRun {
  return {
    mode: 'fp32',
    seed: 1,
    failed: false,
    ...curve(flat(30)),
    evals: evals([4, 3, 2]),
    times: even(100),
    tokensPerSec: 1000,
    ...change,
  };
}

/** A run of 60 steps that took `ms` each: long enough to report its speed. */
function even(ms: number): number[] {
  return Array.from({ length: 60 }, (_, i) => ms * (i + 1));
}

const reference = run({});
const half = run({ mode: 'fp16', evals: evals([4, 3, 2], 0.05), times: even(50), tokensPerSec: 2000 });

describe('interpolate', () => {
  const points = [
    { x: 10, y: 4 },
    { x: 20, y: 2 },
    { x: 30, y: null },
  ];
  test.each([
    [10, 4],
    [15, 3],
    [20, 2],
    [25, null], // beside a point that is not finite
    [30, null],
    [9, null],
    [31, null],
  ])('at %d is %s', (x, y) => expect(interpolate(points, x)).toBe(y));
});

test('a spread ignores missing values', () => {
  expect(spreadOf([1, null, 3])).toEqual({ mean: 2, low: 1, high: 3, count: 2 });
  expect(spreadOf([null])).toBeNull();
});

describe('first divergence', () => {
  const base = curve(flat(100));
  const from = (step: number, gap: number) => flat(100).map((loss, i) => (i + 1 < step ? loss : loss + gap));

  test('is the step from which the smoothed gap persists', () => {
    // The window is 5 steps: a gap of 1 shows at once, one of 0.05 when two of five steps have it (0.02 is not above 0.02).
    expect(firstDivergence(base, curve(from(40, 1)))).toBe(40);
    expect(firstDivergence(base, curve(from(40, -1)))).toBe(40);
    expect(firstDivergence(base, curve(from(40, 0.05)))).toBe(42);
  });

  test('ignores a gap that closes, that is too small, or that has only just appeared', () => {
    expect(firstDivergence(base, base)).toBeNull();
    expect(firstDivergence(base, curve(from(40, 0.019)))).toBeNull();
    const bump = flat(100).map((loss, i) => (i >= 40 && i < 60 ? loss + 1 : loss));
    expect(firstDivergence(base, curve(bump))).toBeNull();
    expect(firstDivergence(base, curve(from(97, 1)))).toBeNull();
  });

  test('a loss that becomes non-finite is a gap, unless it does in both runs', () => {
    expect(firstDivergence(base, curve(from(50, Number.NaN)))).toBe(50);
    const gone = curve(from(50, Number.NaN));
    expect(firstDivergence(gone, gone)).toBeNull();
  });

  test('noise of the batches cancels: both runs see the same', () => {
    const noisy = flat(100).map((_, i) => 3 + Math.sin(i));
    expect(firstDivergence(curve(noisy), curve(noisy.map((loss) => loss + 0.01)))).toBeNull();
    expect(firstDivergence(curve(noisy), curve(noisy.map((loss) => loss + 0.03)))).toBe(1);
  });

  test('looks at the steps that both have', () => {
    expect(firstDivergence(base, curve(from(40, 1).slice(0, 60)))).toBe(40);
    expect(firstDivergence(base, curve([]))).toBeNull();
  });
});

describe('a comparison', () => {
  test('is at equal steps, at equal seconds, and of speeds', () => {
    const { modes, step, seconds, seedNoise } = compareRuns(['fp32', 'fp16'], [reference, half]);
    expect(step).toBe(30);
    expect(seconds).toBe(1.5); // fp16 has come to step 30 when fp32 is at step 15
    expect(modes.map((mode) => mode.valLoss?.mean)).toEqual([2, 2]);
    expect(modes.map((mode) => mode.valLossAtSeconds?.mean)).toEqual([3.5, 2]);
    expect(modes.map((mode) => mode.speedUp?.mean)).toEqual([1, 2]);
    expect(modes.map((mode) => mode.speedFinding)).toEqual([null, 'differs']);
    expect(modes[1]!.lossDifference?.mean).toBe(0);
    expect(modes[0]!.lossDifference).toBeNull();
    expect(seedNoise).toBeNull();
  });

  test('a run that was stopped early sets the step, and the others are read there', () => {
    const early = run({
      mode: 'fp16',
      ...curve(flat(15)),
      evals: [{ step: 15, valLoss: 3.4, seconds: 0.75 }],
    });
    const { modes, step, seconds } = compareRuns(['fp32', 'fp16'], [reference, early]);
    expect(step).toBe(15);
    expect(seconds).toBe(0.75);
    expect(modes.map((mode) => mode.valLoss?.mean)).toEqual([3.5, 3.4]);
    expect(modes[0]!.valLossAtSeconds).toBeNull(); // fp32 had not been evaluated by then
  });

  test('a mode that failed does not shorten the others, and has no loss at steps that it did not reach', () => {
    const lost = flat(14).map((loss, i) => (i < 4 ? loss : Number.NaN));
    const failed = run({
      mode: 'fp16-pure',
      failed: true,
      ...curve(lost),
      evals: [...evals([4]), { step: 14, valLoss: null, seconds: 0.3 }],
    });
    const { modes, step, seconds } = compareRuns(['fp32', 'fp16-pure'], [reference, failed]);
    expect(step).toBe(30);
    expect(seconds).toBe(3);
    expect(modes[1]).toMatchObject({
      failed: 1,
      valLoss: null,
      lossDifference: null,
      valLossAtSeconds: null,
      divergence: { earliest: 5, latest: 5, seeds: 1 },
    });
  });

  test('without times and speeds of their own, as in lockstep, it has losses only', () => {
    const inTurn = { evals: evals([4, 3, 2], null), times: null, tokensPerSec: null };
    const { modes, step, seconds } = compareRuns(
      ['fp32', 'fp16'],
      [run(inTurn), run({ mode: 'fp16', ...inTurn })],
      'gpu',
    );
    expect({ step, seconds }).toEqual({ step: 30, seconds: null });
    expect(modes[1]).toMatchObject({
      tokensPerSec: null,
      speedUp: null,
      speedFinding: null,
      valLossAtSeconds: null,
    });
  });

  test('over seeds differences are taken seed by seed, and seeds that not all modes have are left out', () => {
    const at = (mode: ComparedRun['mode'], seed: number, loss: number) =>
      run({ mode, seed, evals: evals([4, 3, loss]) });
    const { modes, seeds, seedNoise } = compareRuns(
      ['fp32', 'fp16'],
      [at('fp32', 1, 2), at('fp16', 1, 2.01), at('fp32', 2, 2.2), at('fp16', 2, 2.23), at('fp32', 3, 9)],
    );
    expect(seeds).toBe(2);
    expect(modes[0]!.valLoss).toMatchObject({ low: 2, high: 2.2, count: 2 });
    expect(modes[1]!.lossDifference?.mean).toBeCloseTo(0.02, 12);
    expect(modes[1]!.lossDifference?.high).toBeCloseTo(0.03, 12);
    expect(seedNoise).toBeCloseTo(0.2, 12);
  });

  test('of no runs has no figures', () => {
    expect(compareRuns(['fp32', 'fp16'], [])).toMatchObject({ step: null, seconds: null, seeds: 0 });
    const unevaluated = run({ ...curve([]), evals: [] });
    expect(compareRuns(['fp32'], [unevaluated]).step).toBeNull();
  });
});

describe('the verdict', () => {
  const of = (modes: ComparedRun['mode'][], runs: ComparedRun[]) => verdict(compareRuns(modes, runs));
  const lossOf = (mode: ComparedRun['mode'], seed: number, loss: number) =>
    run({ mode, seed, evals: evals([4, 3, loss]) });

  test('says which modes are level, which are worse, how fast they are, and that one seed gives no noise estimate', () => {
    const noscale = run({ mode: 'fp16-noscale', evals: evals([4, 3.5, 2.75]), tokensPerSec: 1010 });
    expect(of(['fp32', 'fp16', 'fp16-noscale'], [reference, half, noscale])).toBe(
      'After 30 steps, Mixed f16 ends level with FP32 at 2.00 times its speed; f16 without scaling is 0.750 nats worse than FP32 (no speed difference beyond noise). Only one seed was trained, so the effect of the seed is not known.',
    );
  });

  test('names the clock of speeds in lockstep', () => {
    const sentence = verdict(compareRuns(['fp32', 'fp16'], [reference, half], 'gpu'));
    expect(sentence).toContain('Mixed f16 ends level with FP32 at 2.00 times its speed in GPU time.');
  });

  test('claims no speed of runs that are too short', () => {
    const short = [reference, half].map((one) => ({ ...one, times: even(100).slice(0, 20) }));
    expect(of(['fp32', 'fp16'], short)).toContain(
      'Mixed f16 ends level with FP32 (too short to compare speed). Only one seed',
    );
  });

  test('says when a difference is within seed noise and when it is more', () => {
    const runs = [
      lossOf('fp32', 1, 2),
      lossOf('fp32', 2, 2.1),
      lossOf('fp16', 1, 2.05),
      lossOf('fp16', 2, 2.05),
    ];
    const far = [lossOf('bf16', 1, 1.7), lossOf('bf16', 2, 1.7)];
    const same = '(no speed difference beyond noise)';
    expect(of(['fp32', 'fp16', 'bf16'], [...runs, ...far])).toBe(
      `After 30 steps and over 2 seeds, Mixed f16 ends level with FP32 ${same}; Mixed bf16 is 0.350 nats better than FP32 (more than seed noise) ${same}. The seed alone changes FP32 by 0.100 nats.`,
    );
    const near = [lossOf('bf16', 1, 2.06), lossOf('bf16', 2, 2.1)];
    expect(of(['fp32', 'bf16'], [...runs, ...near])).toContain(
      '0.030 nats worse than FP32 (within seed noise)',
    );
  });

  test('says that a mode stopped by itself, in some seeds or in all', () => {
    const failed = run({ mode: 'fp16-pure', failed: true, evals: [] });
    expect(of(['fp32', 'fp16-pure'], [reference, failed])).toContain('Pure f16 had failed by then.');
    const seeds = [reference, lossOf('fp32', 2, 2), { ...failed, seed: 2 }, lossOf('fp16-pure', 1, 3)];
    expect(of(['fp32', 'fp16-pure'], seeds)).toContain('(it failed in 1 of 2 seeds)');
  });

  test('says nothing about the others where the reference has no result', () => {
    const failed = run({ failed: true, evals: [] });
    expect(of(['fp32', 'fp16'], [failed, half])).toMatch(/^FP32, the reference, has no validation loss/);
    const notFinite = run({ mode: 'fp16', evals: evals([4, 3, null]) });
    expect(of(['fp32', 'fp16'], [reference, notFinite])).toContain('Mixed f16 has no finite validation loss');
  });

  test('of one mode is about its seeds, and needs at least two runs', () => {
    expect(of(['fp32'], [lossOf('fp32', 1, 2), lossOf('fp32', 2, 2.1)])).toBe(
      'After 30 steps and over 2 seeds, FP32 has a mean validation loss of 2.050 nats (2.000 to 2.100).',
    );
    expect(of(['fp32', 'fp16'], [reference])).toBeNull();
    expect(of(['fp32', 'fp16'], [])).toBeNull();
  });
});
