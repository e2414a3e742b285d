import { beforeEach, describe, expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { MemoryBytes } from '../../../src/engine/core/memoryCategories.ts';
import { startSentence, toMarkdown } from '../../../src/engine/experiments/markdown.ts';
import { startProof } from '../../../src/engine/experiments/startProof.ts';
import { type BatchBudget, comparisonTable } from '../../../src/engine/experiments/table.ts';
import { verdict } from '../../../src/engine/experiments/verdict.ts';
import { largestBatch } from '../../../src/engine/model/largestBatch.ts';
import type { PrecisionMode } from '../../../src/engine/precision/recipes.ts';
import type { ErrorReport, RunFacts, RunSummary, Schedule } from '../../../src/session/protocol.ts';
import { clockOf, endedRuns } from '../../../src/store/comparison.ts';
import { logOf, type RunView, useRun } from '../../../src/store/runStore.ts';
import {
  beginRuns,
  figuresArrived,
  runEnded,
  runFailed,
  runStarted,
} from '../../../src/store/runTransitions.ts';

const STEPS = 10;
const PLANNED: readonly (readonly [PrecisionMode, number])[] = [
  ['fp32', 1],
  ['fp16', 1],
  ['fp32', 2],
  ['fp16', 2],
];

function begin(
  planned: readonly (readonly [PrecisionMode, number])[],
  schedule: 'sequential' | 'lockstep',
  steps = STEPS,
): void {
  beginRuns({
    configs: planned.map(([precision, seed]) => ({ ...PRESETS.smoke.config, steps, precision, seed })),
    schedule,
  });
}

/** Ends a run whose steps all had this loss and took this many milliseconds. */
function end(
  run: number,
  loss: number,
  msPerStep: number,
  outcome: { readonly summary?: RunSummary; readonly error?: ErrorReport } = {},
  gpuMs: number | null = null,
): void {
  const log = logOf(run)!;
  const { steps } = useRun.getState().configs[run]!;
  for (let step = 1; step <= steps; step++) {
    const skipped = step === 1;
    log.push({
      ...{ step, loss, lossScale: 2 ** 16, skipped, overflow: null, gradNorm: 1, lr: 1e-3 },
      ...{ appliedSteps: step - 1, skippedSteps: 1, time: step * msPerStep, gpuMs },
    });
    if (step % 5 === 0) log.evals.push({ step, valLoss: loss + 1 / step });
  }
  const half = useRun.getState().configs[run]!.precision === 'fp16';
  const MIB = 2 ** 20;
  const memory = { total: (half ? 60 : 100) * MIB, activations: (half ? 30 : 60) * MIB } as MemoryBytes;
  const seed = useRun.getState().configs[run]!.seed;
  const start = { weights: `abcdef0${seed}11111111`, batches: `1234560${seed}22222222` };
  const facts = { memory, storage: half ? 'native' : null, start, text: { vocabulary: 80 } } as RunFacts;
  const summary = {
    ...{ lossScale: 2 ** 17, tokensPerSec: 512_000 / msPerStep },
    gradientsFlushed: half ? 0.0125 * seed : null,
  } as RunSummary;
  runStarted(run, useRun.getState().configs[run]!, facts);
  if (outcome.error) runFailed(run, outcome.error);
  else runEnded(run, outcome.summary ?? summary);
  figuresArrived();
}

/** As the page makes it. */
const pageTable = (runs: readonly RunView[], schedule: Schedule, budget: BatchBudget | null) =>
  comparisonTable(runs, endedRuns(runs, schedule), clockOf(schedule), budget);
const LIMITS = { maxBindingBytes: 2 ** 27 };
const table = (bytes = 16 * 2 ** 20) =>
  pageTable(useRun.getState().runs, useRun.getState().schedule, { bytes, limits: LIMITS });
const cells = () =>
  Object.fromEntries(
    table().rows.map(({ name, cells: row }) => [
      name,
      row.map(({ text, best }) => (best ? `${text}!` : text)),
    ]),
  );
/** Of a run in lockstep. */
const gpuSummary = (gpuMsPerStep: number | null) =>
  ({ lossScale: 1, tokensPerSec: null, gpuMsPerStep }) as RunSummary;
/** By the engine's plan, in 16 MiB. */
const batchOf = (precision: PrecisionMode) =>
  largestBatch({ ...PRESETS.smoke.config, steps: STEPS, precision }, 80, LIMITS, 16 * 2 ** 20).batch;
const labels = () => Object.fromEntries(table().rows.map(({ name, label }) => [name, label]));

beforeEach(() => begin(PLANNED.slice(0, 2), 'sequential'));

describe('the comparison table', () => {
  test('has every figure, with the best marked, and none marked where all display the same', () => {
    end(0, 3, 100);
    end(1, 3.0001, 50);
    expect(cells()).toEqual({
      'val-loss': ['3.100', '3.100'],
      'val-loss-seconds': ['3.200', '3.100!'],
      'final-loss': ['3.000', '3.000'],
      // Ten steps are too few for a speed, so none is marked as best.
      'tokens-per-sec': ['5,120', '10,240'],
      'speed-up': ['reference', '2.00×, too short to tell'],
      divergence: ['reference', 'none'],
      steps: ['9 of 10', '9 of 10'],
      skipped: ['1 (10.0 %)', '1 (10.0 %)'],
      'loss-scale': ['none', '2¹⁷'],
      flushed: ['– (gradients are f32)', '1.3 %'],
      memory: ['100 MiB', '60 MiB!'],
      activations: ['60 MiB', '30 MiB!'],
      storage: ['no f16', 'native'],
      'largest-batch': [String(batchOf('fp32')), `${batchOf('fp16')}!`],
    });
    expect(batchOf('fp16')).toBeGreaterThan(batchOf('fp32'));
    expect(labels()).toMatchObject({
      'val-loss': 'Validation loss after 10 steps',
      'val-loss-seconds': 'Validation loss after 0.5 s',
      divergence: 'First divergence from FP32',
      'largest-batch': 'Largest batch in 16 MiB',
    });
  });

  test('has the simulated cost where a run has one, and calls none the best', () => {
    end(0, 3, 100);
    end(1, 3, 100, { summary: { lossScale: 1, simulatedCost: 0.0352 } as RunSummary });
    expect(cells()['simulated-cost']).toEqual(['–', '3.5 %']);
    expect(labels()['simulated-cost']).toContain('Simulated');
  });

  test('a comparison of the start has its losses, and says that there was no step', () => {
    begin(PLANNED.slice(0, 2), 'sequential', 0);
    for (const run of [0, 1]) {
      logOf(run)!.evals.push({ step: 0, valLoss: 4.5 + run });
      end(run, 0, 100);
    }
    expect(cells()).toMatchObject({
      'val-loss': ['4.500!', '5.500'],
      'val-loss-seconds': ['4.500!', '5.500'],
      'final-loss': ['no step taken', 'no step taken'],
      divergence: ['reference', 'no step taken'],
      steps: ['0 of 0', '0 of 0'],
    });
    expect(labels()['val-loss']).toBe('Validation loss after 0 steps');
    expect(verdict(table().comparison)).toMatch(/^After 0 steps, Mixed f16 is 1\.000 nats worse than FP32/);
  });

  test('a loss that was not measured is distinguished from one that is not finite', () => {
    begin([...PLANNED.slice(0, 2), ['bf16', 1]], 'sequential');
    end(0, 3, 100);
    end(1, 3, 100);
    end(2, 3, 100);
    logOf(0)!.evals.splice(0, 2, { step: 7, valLoss: 3.5 });
    logOf(1)!.evals.splice(0, 2, { step: 10, valLoss: 3.25 });
    logOf(2)!.evals.splice(0, 2, { step: 7, valLoss: null });
    expect(cells()['val-loss']).toEqual(['3.500', 'not evaluated', 'not finite']);
    expect(verdict(table().comparison)).toMatch(
      /Mixed f16 was not evaluated by then; Mixed bf16 has no finite validation loss/,
    );
    for (const run of [0, 1, 2]) logOf(run)!.evals.splice(0);
    expect(cells()['val-loss']).toEqual(['not evaluated', 'not evaluated', 'not evaluated']);
  });

  test('has the largest batch for the given budget, or none', () => {
    end(0, 3, 100);
    const row = (bytes: number) => table(bytes).rows.find(({ name }) => name === 'largest-batch');
    expect(row(1000)?.cells.map(({ text }) => text)).toEqual(['none fits', '–']);
    expect(pageTable(useRun.getState().runs, 'sequential', null).rows.map(({ name }) => name)).not.toContain(
      'largest-batch',
    );
  });

  test('has a column for each variant of a mode, under its own name', () => {
    const config = { ...PRESETS.smoke.config, steps: STEPS, precision: 'fp16', seed: 1 } as const;
    const modes = ['fp16', 'fp16+optim-state=fp8'] as const;
    beginRuns({ configs: [config, { ...config, optimState: 'fp8' }], schedule: 'sequential', modes });
    end(0, 3, 100);
    end(1, 4, 100);
    expect(cells()).toMatchObject({ 'val-loss': ['3.100!', '4.100'], flushed: ['1.3 %', '1.3 %'] });
    expect(toMarkdown(table(), '', null, null)).toContain('| Mixed f16 | Mixed f16 (optim-state fp8) |');
  });

  test('waits for runs that have not ended', () => {
    end(0, 3, 100);
    expect(cells()).toMatchObject({ 'val-loss': ['3.100', '–'], 'tokens-per-sec': ['5,120', '–'] });
  });

  test('says of a mode that failed that it stopped by itself', () => {
    end(0, 3, 100);
    end(1, 4, 100, { error: { code: 'TOO_MANY_SKIPS', message: 'ten', hint: '' } });
    logOf(1)!.evals.splice(0, 2, { step: 7, valLoss: null });
    expect(cells()).toMatchObject({
      'val-loss': ['3.100', 'failed (10 skipped steps in a row)'],
      'tokens-per-sec': ['5,120', 'not measured'],
      divergence: ['reference', 'step 1'],
      'loss-scale': ['none', '2¹⁶'],
      flushed: ['– (gradients are f32)', '– (not counted)'],
    });
  });

  test('claims no speed in lockstep', () => {
    begin(PLANNED.slice(0, 2), 'lockstep');
    for (const run of [0, 1]) end(run, 3, 100, { summary: gpuSummary(null) });
    const interleaved = 'not measured (interleaved)';
    expect(cells()).toMatchObject({
      'val-loss': ['3.100', '3.100'],
      'val-loss-seconds': [interleaved, interleaved],
      'tokens-per-sec': [interleaved, interleaved],
      'speed-up': ['reference', interleaved],
    });
  });

  test('in lockstep has speeds and seconds of GPU time, where there are timestamps', () => {
    begin(PLANNED.slice(0, 2), 'lockstep');
    end(0, 3, 100, { summary: gpuSummary(40) }, 40);
    end(1, 3, 100, { summary: gpuSummary(20) }, 20);
    expect(cells()).toMatchObject({
      'val-loss-seconds': ['3.200', '3.100!'],
      'tokens-per-sec': ['12,800', '25,600'],
      'speed-up': ['reference', '2.00×, too short to tell'],
    });
    expect(labels()).toMatchObject({
      'val-loss-seconds': 'Validation loss after 0.2 s (GPU time)',
      'tokens-per-sec': 'Tokens/s (GPU time)',
      'speed-up': 'Speed-up over FP32 (GPU time)',
    });
  });

  test('marks a speed as best only beyond noise', () => {
    begin(PLANNED, 'sequential', 60);
    for (const [run, ms] of [100, 50, 110, 55].entries()) end(run, 3, ms);
    expect(cells()['tokens-per-sec']).toEqual(['4,887 (4,655 to 5,120)', '9,775 (9,309 to 10,240)!']);
  });

  test('has a mean and a range over seeds, and one column a mode', () => {
    begin(PLANNED, 'sequential');
    for (const [run, loss] of [3, 3.5, 3.2, 3.7].entries()) end(run, loss, 100);
    expect(table().modes).toEqual(['fp32', 'fp16']);
    expect(cells()).toMatchObject({
      'val-loss': ['3.200 (3.100 to 3.300)!', '3.700 (3.600 to 3.800)'],
      'speed-up': ['reference', '1.00× (1.00× to 1.00×), too short to tell'],
      divergence: ['reference', 'step 1, 2 of 2 seeds'],
      steps: ['18 of 20', '18 of 20'],
      flushed: ['– (gradients are f32)', '1.9 % (1.3 % to 2.5 %)'],
    });
  });
});

describe('the proof of an equal start', () => {
  const proof = () => startProof(useRun.getState().runs);

  test('needs two runs of a seed', () => {
    end(0, 3, 100);
    expect(proof()).toBeNull();
    end(1, 3, 100);
    expect(startSentence(proof()!)).toBe('Identical start: weights abcdef01, batches 12345601.');
  });

  test('is per seed: seeds differ from each other', () => {
    begin(PLANNED, 'sequential');
    for (let run = 0; run < 4; run++) end(run, 3, 100);
    expect(startSentence(proof()!)).toBe(
      'Identical start: weights abcdef01, batches 12345601, first of 2 seeds.',
    );
  });

  test('is a warning where weights or batches differ', () => {
    end(0, 3, 100);
    end(1, 3, 100);
    const { config, facts } = useRun.getState().runs[1]!;
    runStarted(1, config, { ...facts!, start: { ...facts!.start, batches: '0' } });
    expect(proof()).toEqual({ start: null, seeds: 1 });
    expect(startSentence(proof()!)).toMatch(/did not start identically/);
  });
});

test('Markdown has the table with the best in words, the verdict and the proof', () => {
  end(0, 3, 100);
  end(1, 3, 50);
  const markdown = toMarkdown(table(), 'Halfstep: a|b.', 'Verdict.', startProof(useRun.getState().runs));
  const lines = markdown.split('\n');
  expect(lines[0]).toBe('Halfstep: a|b.');
  expect(lines.slice(2, 5)).toEqual([
    '|  | FP32 | Mixed f16 |',
    '| --- | --- | --- |',
    '| Validation loss after 10 steps | 3.100 | 3.100 |',
  ]);
  expect(markdown).toContain('| GPU memory | 100 MiB | 60 MiB (best) |');
  expect(markdown).toMatch(/\n\nVerdict\.\n\nIdentical start: .*\n$/);
});
