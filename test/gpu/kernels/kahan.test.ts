/** Weights of 16 bits that are compensated: updates below half a step of a weight add up, to the bit as exact sums say. */
import { expect, test } from 'vitest';
import type { Tensor } from '../../../src/engine/gpu/tensor.ts';
import { lion } from '../../../src/engine/kernels/optimizers/lion.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { storeMaster } from '../../../src/engine/reference/update.ts';
import { adamwState } from './optimizerCase.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const STEPS = 4000;
const STATE = { apply: true, gradFactor: 1, biasCorrection1: 1, biasCorrection2: 1 };
/** The last is negative and grows in magnitude. */
const START = [1, 1.5, 0.25, -1];

// An eighth and a quarter of a rounding step at 1: all sums are exact in f32, so that nothing but rounding to 16 bits happens.
test.each([
  ['f16', 2 ** -13],
  ['bf16', 2 ** -10],
] as const)('%s, 4000 updates of %d', (format, rate) =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const signs = START.map((x) => -Math.sign(x));
    const gradient = run.input('gradient', 'f32', Float64Array.from(signs));
    const state = run.bytes('state', adamwState({ ...STATE, learningRate: rate }));
    const weights = (name: string) => run.input(name, format, Float64Array.from(START));
    const [compensated, plain] = [weights('compensated'), weights('plain')];
    const compensation = run.zeros('compensation', format, START.length);
    const target = targetOf(fixture, 'packed', false);
    const update = (master: Tensor, kept: Tensor | undefined) =>
      lion(target, {
        ...{
          gradient,
          master,
          m: run.zeros(`m of ${master.name}`, 'f32', START.length),
          state,
          label: 'lion',
        },
        ...{ compute: undefined, low: undefined, compensation: kept, beta1: 0, beta2: 0, weightDecay: 0 },
        ...{ rateFactor: 1, moments: { rounding: 'nearest' }, seed: 0, first: 0 },
        ...{ masterRounding: kept ? 'compensated' : 'nearest', elements: START.length, decayedElements: 0 },
      });
    const [once, other] = [update(compensated, compensation), update(plain, undefined)];
    await run.run(Array.from({ length: STEPS }, () => [once, other]).flat());

    const expected = Float64Array.from(START);
    const storage = {
      moments: { firstMoment: 'f32', secondMoment: 'f32', rounding: 'nearest', scale: 'none' },
      ...{ masterRounding: 'compensated' as const, bits: { seed: 0, first: 0 } },
      compensation: new Float64Array(START.length),
    } as const;
    for (let step = 1; step <= STEPS; step++) {
      const before = expected.slice();
      for (let i = 0; i < START.length; i++) expected[i] = before[i]! - rate * signs[i]!;
      storeMaster(expected, before, step, storage, (_role, values) => {
        for (let i = 0; i < values.length; i++) values[i] = roundTo(format, values[i]!);
        return values;
      });
    }
    const ends = START.map((x, i) => x - STEPS * rate * signs[i]!);
    console.log(
      `${format}: ${[...run.read(compensated)]}, to nearest ${[...run.read(plain)]}, exactly ${ends}`,
    );
    expect([...run.read(compensated)]).toEqual([...expected]);
    expect([...run.read(compensation)]).toEqual([...storage.compensation]);
    // 1 is where it was, and with compensation where it should be.
    expect(run.read(plain)[0]).toBe(1);
    expect(run.read(compensated)[0]).toBe(ends[0]);
    expect(run.read(compensated)[3]).toBe(ends[3]);
  }),
);
