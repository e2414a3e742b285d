/** Fixed-point master weights against the integer reference, bit for bit. */
import { expect, test } from 'vitest';
import { uniformAt } from '../../../src/engine/core/rng.ts';
import type { Operation } from '../../../src/engine/gpu/operation.ts';
import { slice, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import { fixedRange, fixedWords } from '../../../src/engine/kernels/fixedMaster.ts';
import { lion } from '../../../src/engine/kernels/optimizers/lion.ts';
import { fixedExponent, fixedOf, floatOf } from '../../../src/engine/reference/fixed.ts';
import { adamwState } from './optimizerCase.ts';
import { type KernelFixture, KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const ELEMENTS = 256;

/** Updates of Lion, each of which moves weight i against sign i by its rate. */
interface Plan {
  readonly start: Float64Array;
  readonly signs: Float64Array;
  readonly rates: readonly number[];
}

function operationsOf(fixture: KernelFixture, run: KernelRun, name: string, plan: Plan, isFixed: boolean) {
  const target = targetOf(fixture, 'packed', false);
  const master = run.input(`${name} master`, 'f32', plan.start);
  const fixed = isFixed ? run.zeros(`${name} fixed`, 'u32', fixedWords(ELEMENTS)) : undefined;
  const gradient = run.input(`${name} gradient`, 'f32', plan.signs);
  const m = run.zeros(`${name} m`, 'f32', ELEMENTS);
  // A state for each rate, at a multiple of 256 bytes.
  const kinds = [...new Set(plan.rates)];
  const words = new Uint32Array(64 * kinds.length);
  for (const [index, learningRate] of kinds.entries()) {
    const state = { apply: true, gradFactor: 1, biasCorrection1: 1, biasCorrection2: 1, learningRate };
    words.set(new Uint32Array(adamwState(state)), 64 * index);
  }
  const states = run.codes(`${name} states`, 'u32', words);
  const operations: Operation[] = fixed ? [fixedRange(target, { fixed, master, elements: ELEMENTS })] : [];
  for (const rate of plan.rates) {
    operations.push(
      lion(target, {
        ...{ gradient, master, m, fixed, label: name, compute: undefined, low: undefined },
        state: slice(states, 64 * kinds.indexOf(rate), 16),
        ...{ beta1: 0, beta2: 0, weightDecay: 0, rateFactor: 1, moments: { rounding: 'nearest' }, seed: 0 },
        ...{
          masterRounding: isFixed ? 'fixed' : 'nearest',
          first: 0,
          elements: ELEMENTS,
          decayedElements: 0,
        },
      }),
    );
    if (fixed) operations.push(fixedRange(target, { fixed, elements: ELEMENTS }));
  }
  return { operations, master, fixed };
}

/** The exponent of the block and its integers. */
function integersOf(run: KernelRun, fixed: Tensor): { exponent: number; integers: bigint[] } {
  const words = new Uint32Array(run.bytesOf(fixed));
  const integers = Array.from({ length: ELEMENTS }, (_, i) => {
    const at = 4 + 8 * Math.floor(i / 4) + (i % 4);
    return (BigInt(words[at + 4]! | 0) << 32n) | BigInt(words[at]!);
  });
  return { exponent: words[0]! | 0, integers };
}

/** What the kernels compute, with integers of any size. */
function expectedOf({ start, signs, rates }: Plan): { exponent: number; integers: bigint[] } {
  let exponent = fixedExponent(Math.max(...start.map(Math.abs)));
  let integers = Array.from(start, (w) => fixedOf(w, exponent));
  for (const rate of rates) {
    integers = integers.map((n, i) => n + fixedOf(-Math.fround(rate) * signs[i]!, exponent));
    if (integers.some((n) => (n < 0n ? -n : n) >> 61n > 0n)) {
      exponent += 1;
      integers = integers.map((n) => n >> 1n);
    }
  }
  return { exponent, integers };
}

const planOf = (rates: readonly number[], scale = 1): Plan => ({
  start: Float64Array.from({ length: ELEMENTS }, (_, i) =>
    Math.fround((uniformAt(i, 1) - 0.5) * scale * 2 ** -(i % 12)),
  ),
  signs: Float64Array.from({ length: ELEMENTS }, (_, i) => (i % 5 === 0 ? 0 : i % 2 === 0 ? 1 : -1)),
  rates,
});

test('64 updates in four orders end in the same bits, which are those of the integer reference; f32 does not', () =>
  withKernelFixture(async (fixture) => {
    const rates = Array.from({ length: 64 }, (_, i) => Math.fround(uniformAt(i, 7) * 2 ** -(4 + (i % 23))));
    const orders = [1, 2, 3, 4].map((seed) =>
      rates
        .map((rate, i) => ({ rate, key: uniformAt(i, 100 + seed) }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ rate }) => rate),
    );
    const run = new KernelRun(fixture);
    const fixed = orders.map((order, i) => operationsOf(fixture, run, `fixed ${i}`, planOf(order), true));
    const plain = orders.map((order, i) => operationsOf(fixture, run, `f32 ${i}`, planOf(order), false));
    await run.run([...fixed, ...plain].flatMap(({ operations }) => operations));
    const expected = expectedOf(planOf(rates));
    for (const one of fixed) {
      expect(integersOf(run, one.fixed!)).toEqual(expected);
      expect([...run.read(one.master)]).toEqual(expected.integers.map((n) => floatOf(n, expected.exponent)));
    }
    expect(new Set(plain.map(({ master }) => run.read(master).join())).size).toBeGreaterThan(1);
  }));

test('updates below half a bit of an f32 are lost there, and add up in fixed point', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const plan = { ...planOf(new Array(2000).fill(1e-9)), start: new Float64Array(ELEMENTS).fill(0.05) };
    const fixed = operationsOf(fixture, run, 'fixed', plan, true);
    const plain = operationsOf(fixture, run, 'f32', plan, false);
    await run.run([...fixed.operations, ...plain.operations]);
    expect(new Set(run.read(plain.master))).toEqual(new Set([Math.fround(0.05)]));
    const expected = expectedOf(plan);
    expect(integersOf(run, fixed.fixed!)).toEqual(expected);
    // 2,000 times 1e-9 are 2e-6; an f32 near 0.05 has steps of 3.7e-9.
    expect(Math.abs(run.read(fixed.master)[2]! - (0.05 - 2e-6))).toBeLessThan(4e-9);
  }));

test('weights that grow get room, a bit at a time, of both signs', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const plan = planOf(new Array(40).fill(0.37), 1);
    const one = operationsOf(fixture, run, 'growing', plan, true);
    await run.run(one.operations);
    const expected = expectedOf(plan);
    expect(expected.exponent).toBeGreaterThan(4);
    expect(integersOf(run, one.fixed!)).toEqual(expected);
    expect([...run.read(one.master)]).toEqual(expected.integers.map((n) => floatOf(n, expected.exponent)));
  }));
