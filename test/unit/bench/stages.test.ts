/** How the benchmark handles requests that it cannot meet, which needs no GPU. */

import { expect, test } from 'vitest';
import { type BenchContext, BenchResults } from '../../../src/cli/benchContext.ts';
import { savingText } from '../../../src/cli/benchSaving.ts';
import { STAGES } from '../../../src/cli/benchStages.ts';
import { budgetedBatches } from '../../../src/engine/bench/batches.ts';
import { EngineError } from '../../../src/engine/core/errors.ts';
import { createDataset } from '../../../src/engine/data/dataset.ts';
import { memoryPlan, presetOf } from '../../../src/engine/index.ts';
import { thrownBy } from '../thrownBy.ts';

const LIMITS = { maxBindingBytes: 2 ** 30 };
const VOCABULARY = 96;

function contextOf(changes: Partial<BenchContext>): BenchContext & { lines: string[] } {
  const lines: string[] = [];
  return {
    device: {
      limits: { maxStorageBufferBindingSize: 2 ** 30, maxBufferSize: 2 ** 30 },
    } as unknown as GPUDevice,
    report: { isFallback: true } as BenchContext['report'],
    shapes: ['a'],
    modes: ['fp32'],
    budget: null,
    steps: 100,
    python: null,
    datasetOf: async ({ tokenizer, context }) =>
      createDataset('call me ishmael. '.repeat(400), { name: 'ishmael', tokenizer, context }),
    print: (line) => lines.push(line),
    save: () => {},
    lines,
    ...changes,
  };
}

test('an unknown shape and a budget below the parameters are named, and every other request is still handled', async () => {
  const context = contextOf({ shapes: ['gpt3', 'a', 'smoke'], modes: ['fp32', 'fp16'], budget: 1000 });
  const results = new BenchResults(context.print);
  await STAGES.step(context, results);
  expect(results.problems[0]).toBe('step gpt3: There is no shape "gpt3".');
  expect(results.problems.slice(1).map((problem) => problem.split(': ')[0])).toEqual([
    'step a fp32',
    'step a fp16',
    'step smoke fp32',
    'step smoke fp16',
  ]);
  for (const problem of results.problems.slice(1)) {
    expect(problem).toMatch(/No batch fits the budget of 0.0 MiB: batch 1 needs \d+\.\d MiB\.$/);
  }
  expect(context.lines[0]).toBe('step gpt3: There is no shape "gpt3". Did you mean "gpt2"?');
});

test('an error of the program itself is not treated as a failed measurement', async () => {
  const results = new BenchResults(() => undefined);
  await expect(
    results.collect('step', async () => {
      throw new TypeError('bug');
    }),
  ).rejects.toThrow('bug');
  await results.collect('step', async () => {
    throw new EngineError('OUT_OF_MEMORY', 'Too much.', 'Take less.');
  });
  expect(results.problems).toEqual(['step: Too much.']);
});

test('a long run of too few steps is refused', async () => {
  const context = contextOf({ steps: 20 });
  await expect(STAGES.longrun(context, new BenchResults(context.print))).rejects.toThrow('--steps is 20');
});

test('a budget gives batch 1 and the last batch that fits', () => {
  const { config } = presetOf('smoke');
  const bytes = (batch: number) => memoryPlan({ ...config, batch }, VOCABULARY, LIMITS).bytes.total;
  expect(budgetedBatches(config, VOCABULARY, LIMITS, bytes(5))).toEqual([1, 5]);
  expect(budgetedBatches(config, VOCABULARY, LIMITS, bytes(6) - 1)).toEqual([1, 5]);
  expect(budgetedBatches(config, VOCABULARY, LIMITS, bytes(1))).toEqual([1]);
  expect(thrownBy(() => budgetedBatches(config, VOCABULARY, LIMITS, bytes(1) - 1)).code).toBe('BAD_VALUE');
});

test('the cost of a save is reported in milliseconds, and as a share of step time at both default intervals', () => {
  const pairs = [120, -30, 300].map((extraMs) => ({ steps: 50, plainMs: 1500, extraMs }));
  const text = savingText('a', 'fp16', { pairs, msPerStep: 30, stagingBytes: 2 ** 20 });
  expect(text).toMatch(/30\.0 ms per step, a copy of 1\.0 MiB on the GPU/);
  expect(text).toMatch(/costs training 120\.0 ms \(median of 3 pairs, -30\.0 to 300\.0\)/);
  expect(text).toMatch(
    /0\.2 % of step time with one save per minute \(the page\), 0\.8 % with one every 500 steps/,
  );
  expect(savingText('a', 'fp16', { pairs, msPerStep: 30, stagingBytes: 0 })).toMatch(
    /no GPU memory for a copy/,
  );
});
