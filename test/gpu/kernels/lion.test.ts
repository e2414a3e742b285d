import { expect, test } from 'vitest';
import type { Tensor } from '../../../src/engine/gpu/tensor.ts';
import { lion } from '../../../src/engine/kernels/optimizers/lion.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { checkLion } from './lionCase.ts';
import { adamwState } from './optimizerCase.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

test.each([
  ['fp32', 'f32'],
  ['fp32', 'bf16'],
  ['fp16', 'f32'],
  ['fp16-pure', 'f32'],
  ['bf16-sr', 'f32'],
  ['bf16-sr', 'bf16'],
  ['bf16-split', 'bf16'],
] as const)('one step in %s, momentum in %s', (mode, optimState) =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', false);
    expectWithin(`lion ${mode}`, await checkLion(fixture, target, recipeOf(mode), optimState));
  }),
);

test('a skipped step changes no bit of weights and momentum', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const codes = [0x3dcccccd, 0xff800000, 0x7fc00001, 1, 0x80000000, 0x7f7fffff, 0xbf800000, 0];
    const [gradient, master, m] = ['gradient', 'master', 'm'].map((name) =>
      run.codes(name, 'f32', codes),
    ) as [Tensor, Tensor, Tensor];
    const words = { gradFactor: 1, learningRate: 1, biasCorrection1: 1, biasCorrection2: 1 };
    const state = run.bytes('state', adamwState({ apply: false, ...words }));
    await run.run([
      lion(targetOf(fixture, 'packed', false), {
        ...{ gradient, master, m, state, compute: undefined, low: undefined, label: 'lion' },
        ...{
          beta1: 0.9,
          beta2: 0.99,
          weightDecay: 0.1,
          rateFactor: 1,
          moments: { rounding: 'nearest' },
          seed: 0,
        },
        ...{ masterRounding: 'nearest', first: 0, elements: 8, decayedElements: 8 },
      }),
    ]);
    for (const after of [master, m]) expect([...run.codesOf(after)]).toEqual(codes);
  }));
