/** Sums in 64-bit integers: the bits of the reference in integers of any size, in every order. */
import { describe, expect, test } from 'vitest';
import { normalAt, randomBits, uniformAt } from '../../../src/engine/core/rng.ts';
import type { Operation } from '../../../src/engine/gpu/operation.ts';
import { fixedSquares } from '../../../src/engine/kernels/fixedSums.ts';
import { NORM_PARTIALS } from '../../../src/engine/kernels/optimizer.ts';
import { LOSS_SUM_WORDS, lossSum } from '../../../src/engine/kernels/rows.ts';
import { initialStepState, readStepState } from '../../../src/engine/kernels/stepState.ts';
import { fixedSum, fixedSumExponent } from '../../../src/engine/reference/fixed.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

/** `values` in another order, the same for the same `seed`. */
function shuffled(values: readonly number[], seed: number): number[] {
  return values
    .map((value, i) => ({ value, key: randomBits(i, seed) }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}

const LOSSES = Array.from({ length: 1030 }, (_, i) => Math.fround(1 + 9 * uniformAt(i, 4)));

describe('loss', () => {
  /** The mean of micro-batches that are summed one after the other. */
  const meansOf = (steps: readonly (readonly number[][])[], fixed: boolean) =>
    withKernelFixture(async (fixture) => {
      const run = new KernelRun(fixture);
      const states = steps.map((microBatches, step) => {
        const state = run.bytes(`state ${step}`, initialStepState(1));
        const sums = run.zeros(`sums ${step}`, 'u32', LOSS_SUM_WORDS);
        const operations = microBatches.map((losses, i) =>
          lossSum({
            losses: run.input(`losses ${step} ${i}`, 'f32', losses),
            ...{ sums, state, rows: losses.length, lossTokens: microBatches.flat().length, fixed },
          }),
        );
        return { state, operations };
      });
      await run.run(states.flatMap(({ operations }): Operation[] => operations));
      return states.map(({ state }) => readStepState(run.bytesOf(state)).lossSum);
    });

  test('is the same in every order and however it is cut into micro-batches, and that of the reference', async () => {
    const orders = [1, 2, 3].map((seed) => shuffled(LOSSES, seed));
    const cut = [LOSSES.slice(0, 500), LOSSES.slice(500, 501), LOSSES.slice(501)];
    const steps = [[LOSSES], ...orders.map((order) => [order]), cut];
    const means = await meansOf(steps, true);
    const sum = fixedSum(LOSSES, 30);
    expect(new Set(means)).toEqual(new Set([Math.fround(sum * Math.fround(1 / LOSSES.length))]));
    expect(new Set(await meansOf(steps, false)).size).toBeGreaterThan(1);
  });

  test('is infinite with one that is not finite or 2^24 and more', async () => {
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 24].map((value) => [[1, 2, value, 3]]);
    expect(await meansOf([...bad, [[1, 2, 2 ** 23, 3]]], true)).toEqual([
      ...bad.map(() => Number.POSITIVE_INFINITY),
      (2 ** 23 + 6) / 4,
    ]);
  });
});

describe('sum of squares', () => {
  const SIZE = 64 * 256 * 3;
  const usual = Array.from({ length: SIZE }, (_, i) => Math.fround(normalAt(i, 7) * 2 ** -(i % 11)));
  const squaresOf = (gradients: readonly (readonly number[])[], scale = 1) =>
    withKernelFixture(async (fixture) => {
      const run = new KernelRun(fixture);
      const state = run.bytes('state', initialStepState(scale));
      const sums = gradients.map((values, i) => {
        const half = values.length / 2;
        const chunks = [values.slice(0, half), values.slice(half)].map((own, chunk) => ({
          gradient: run.input(`gradient ${i} ${chunk}`, 'f32', own),
          elements: own.length,
        }));
        const partials = run.output(`partials ${i}`, 'f32', 2 * NORM_PARTIALS);
        return {
          partials,
          operations: fixedSquares(targetOf(fixture, 'packed', false), chunks, { state, partials }),
        };
      });
      await run.run(sums.flatMap(({ operations }): Operation[] => operations));
      return sums.map(({ partials }) => run.read(partials)[0]!);
    });

  /** What each workgroup and then all add up to. */
  function expectedOf(values: readonly number[], inverseScale = 1): number {
    const partials: number[] = [];
    const half = values.length / 2;
    for (const chunk of [values.slice(0, half), values.slice(half)]) {
      const rounds = Math.ceil(half / 256 / NORM_PARTIALS);
      for (let group = 0; group < NORM_PARTIALS; group++) {
        const own = chunk.filter((_, i) => Math.floor(i / 256) % NORM_PARTIALS === group);
        const g = own.map((x) => Math.fround(x * inverseScale));
        const largest = g.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        const exponent = fixedSumExponent(Math.fround(largest * largest), 256 * rounds);
        partials.push(
          fixedSum(
            g.map((x) => Math.fround(x * x)),
            exponent,
          ),
        );
      }
    }
    return fixedSum(partials, fixedSumExponent(Math.max(...partials), partials.length));
  }

  test('has the bits of the reference, whatever the order within a workgroup', async () => {
    const reordered = [...usual];
    // The 256 elements that a workgroup reads at a time, the other way round.
    for (let i = 0; i < SIZE; i += 256) reordered.splice(i, 256, ...usual.slice(i, i + 256).toReversed());
    const [own, other] = await squaresOf([usual, reordered]);
    expect(own).toBe(expectedOf(usual));
    expect(other).toBe(own);
    const exact = usual.reduce((sum, x) => sum + x * x, 0);
    expect(Math.abs(own! / exact - 1)).toBeLessThan(2 ** -23);
  });

  test('of small, scaled, zero and huge gradients', async () => {
    const tiny = usual.map((x) => Math.fround(x * 2 ** -50));
    expect((await squaresOf([tiny]))[0]).toBe(expectedOf(tiny));
    const scaled = usual.map((x) => Math.fround(x * 1024));
    expect((await squaresOf([scaled], 1024))[0]).toBe(expectedOf(usual));
    expect((await squaresOf([usual.map(() => 0)]))[0]).toBe(0);
    expect((await squaresOf([[...usual.slice(1), 2 ** 48]]))[0]).toBe(Number.POSITIVE_INFINITY);
    const last = [...usual.slice(1), 2 ** 47];
    expect((await squaresOf([last]))[0]).toBe(expectedOf(last));
  });
});
