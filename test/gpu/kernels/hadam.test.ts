/** hAdam, compound loss scaling and moments with a floor: properties whose results can be computed by hand. */
import { expect, test } from 'vitest';
import {
  adamw,
  adamwPrepare,
  adamwStatistics,
  PARAMETER_STATE_WORDS,
  statisticsGroups,
} from '../../../src/engine/kernels/optimizers/adamw.ts';
import { STEP_STATE_WORDS } from '../../../src/engine/kernels/stepState.ts';
import { type MomentFormats, momentsOf } from '../../../src/engine/precision/optimStates.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { normal } from './inputs.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const HALF = momentsOf(recipeOf('fp16-pure'), 'f16-h');
const IN_F32: MomentFormats = { ...HALF, firstMoment: 'f32', secondMoment: 'f32' };
const RATES = { beta1: 0.9, beta2: 0.95, weightDecay: 0.1 };

/** A step at loss scale `used`, after which the scale is `next`. */
function stepState(apply: boolean, used: number, next = used): ArrayBuffer {
  const bytes = new ArrayBuffer(STEP_STATE_WORDS * 4);
  const [words, integers] = [new Float32Array(bytes), new Uint32Array(bytes)];
  integers[3] = apply ? 1 : 0;
  integers[4] = 1;
  words.set([next, 1 / next], 0);
  words.set([1, 1e-3, 1 / (1 - 0.9), 1 / Math.sqrt(1 - 0.95), used], 10);
  return bytes;
}

test('no root overflows: gradients and roots of 65504 in f16 give what the hypotenuse is', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const top = 65504;
    const g = [top, -top, top, 0, 2 ** -24, top, 0, 1];
    const h = [top, top, 0, top, 2 ** -24, 2 ** -24, 0, 1];
    const gradient = run.input('gradient', 'f16', Float64Array.from(g));
    const [m, v] = [run.zeros('m', 'f16', 8), run.input('v', 'f16', Float64Array.from(h))];
    const master = run.zeros('master', 'f32', 8);
    const state = run.bytes('state', stepState(true, 1));
    await run.run([
      adamw(targetOf(fixture, 'packed', false), {
        ...{ gradient, master, m, v, moments: HALF, state, masterRounding: 'nearest', ...RATES },
        ...{
          epsilon: 1e-8,
          rateFactor: 1,
          seed: 0,
          first: 0,
          elements: 8,
          decayedElements: 0,
          label: 'adamw',
        },
      }),
    ]);
    const expected = g.map((x, i) => Math.hypot(0.1 * x, Math.sqrt(0.95) * h[i]!));
    for (const [i, root] of run.read(v).entries()) {
      // Half a step of f16, and of its subnormals.
      expect(Math.abs(root - expected[i]!)).toBeLessThanOrEqual(
        Math.max(2 ** -25, expected[i]! * 2 ** -11) * 1.001,
      );
      expect(root).toBeLessThanOrEqual(top);
    }
    for (const moved of run.read(master)) expect(Number.isFinite(moved)).toBe(true);
  }));

test('twice the loss scale, gradients and moments move the weights by the same bits, without epsilon', () =>
  withKernelFixture(async (fixture) => {
    const size = 512;
    const moved = async (scale: number, moments: MomentFormats) => {
      const run = new KernelRun(fixture);
      const power = moments.hypot ? scale : scale ** 2;
      const scaled = (seed: number, by: number) =>
        Float64Array.from(normal(size, seed), (x) => Math.fround(x) * by);
      const gradient = run.input('gradient', 'f32', scaled(1, scale));
      const m = run.input('m', 'f32', scaled(2, scale));
      const v = run.input('v', 'f32', scaled(3, power).map(Math.abs));
      const master = run.input('master', 'f32', normal(size, 4));
      const state = run.bytes('state', stepState(true, scale));
      const args = {
        ...{
          gradient,
          master,
          m,
          v,
          moments,
          state,
          masterRounding: 'nearest' as const,
          compound: true,
          ...RATES,
        },
        ...{
          epsilon: 0,
          rateFactor: 1,
          seed: 0,
          first: 0,
          elements: size,
          decayedElements: size,
          label: 'adamw',
        },
      } as const;
      await run.run([adamw(targetOf(fixture, 'packed', false), args)]);
      const backs = (tensor: typeof m, by: number) => Array.from(run.read(tensor), (x) => x / by);
      return { weights: [...run.codesOf(master)], m: backs(m, scale), v: backs(v, power) };
    };
    for (const moments of [IN_F32, { ...IN_F32, hypot: undefined } as unknown as MomentFormats]) {
      const once = await moved(2 ** 12, moments);
      expect(await moved(2 ** 13, moments)).toEqual(once);
      expect(new Set(once.weights).size).toBeGreaterThan(size / 2);
    }
  }));

test.each([
  ['a skipped step halves them', false, 2 ** 9, 0.5],
  ['a skipped step at the floor keeps them', false, 2 ** 10, 1],
] as const)('%s, and keeps the weights', (_what, apply, next, change) =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const start = [1, -3.140625, 65504, 2 ** -23, 0, 6 * 2 ** -24, -0.5, 12];
    const [gradient, m, v] = ['gradient', 'm', 'v'].map((name) =>
      run.input(name, 'f16', Float64Array.from(start)),
    );
    const master = run.input('master', 'f16', Float64Array.from(start));
    const state = run.bytes('state', stepState(apply, 2 ** 10, next));
    await run.run([
      adamw(targetOf(fixture, 'packed', false), {
        ...{ gradient: gradient!, master, m: m!, v: v!, moments: HALF, state, compound: true, ...RATES },
        ...{ epsilon: 1e-8, rateFactor: 1, seed: 0, first: 0, elements: 8, decayedElements: 8 },
        ...{ masterRounding: 'nearest', label: 'adamw' },
      }),
    ]);
    const scaled = start.map((x) => x * change);
    for (const moments of [m!, v!]) expect([...run.read(moments)]).toEqual(scaled);
    expect([...run.read(master)]).toEqual(start);
  }),
);

test.each([
  // Nothing but zero becomes zero. 2^-16 of 57344 is 0.875, which rounds to 0.875.
  ['fp8-e4m3-e5m2', 'e5m2', [0x7b, 0x01, 0x00, 0x3b]],
  // 2^-16 of 448 is 3.5 times the smallest code.
  ['fp8-e4m3-e4m3', 'e4m3fn', [0x7e, 0x00, 0x00, 0x04]],
] as const)('%s: codes of v = [1, 2^-40, 0, 2^-16] in %s', (optimState, format, codes) =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const moments = momentsOf(recipeOf('fp32'), optimState);
    const size = 256;
    // With beta2 = 0 the second moment is the square of the gradient.
    const values = Float64Array.from({ length: size }, (_, i) => [1, 2 ** -20, 0, 2 ** -8][i] ?? 0);
    const gradient = run.input('gradient', 'f32', values);
    const [master, m, v] = [
      run.zeros('master', 'f32', size),
      run.zeros('m', 'e4m3fn', size),
      run.zeros('v', format, size),
    ] as const;
    const parameterStates = run.zeros('parameter state', 'f32', PARAMETER_STATE_WORDS);
    const partials = run.zeros('partials', 'f32', 4 * statisticsGroups(size));
    const state = run.bytes('state', stepState(true, 1));
    const whole = { parameterStates, index: 0 };
    const args = {
      ...{
        gradient,
        master,
        m,
        v,
        moments,
        state,
        whole,
        masterRounding: 'nearest' as const,
        seed: 0,
        first: 0,
      },
      ...{ beta1: 0, beta2: 0, epsilon: 1e-8, weightDecay: 0, rateFactor: 1, label: 'adamw' },
      ...{ elements: size, decayedElements: 0 },
    } as const;
    const target = targetOf(fixture, 'packed', false);
    await run.run([
      adamwStatistics(target, { ...args, partials, partial: 0 }),
      adamwPrepare({
        ...{ whole, state, partials, partial: 0, count: statisticsGroups(size), size },
        ...{ clipUpdate: false, scaled: moments, label: 'prepare' },
      }),
      adamw(target, args),
    ]);
    expect([...run.codesOf(v)].slice(0, 4)).toEqual(codes);
    expect([...run.codesOf(m)][0]).toBe(0x7e);
  }),
);
