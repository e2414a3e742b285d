/** The stages of `npm run bench`. Each prints a table and stores its figures for the JSON file. */

import {
  benchShape,
  budgetedBatches,
  countDispatches,
  describeShape,
  gptConfig,
  measureInTurns,
  measureSampling,
  measureSteps,
  memoryPlan,
  PHASES,
  phaseTimes,
  planLimits,
  profileStep,
  type StepProfile,
  secondsPerDispatch,
  sharesOfPeak,
  type TrainConfig,
  tokensPerStep,
} from '../engine/index.ts';
import type { BenchContext, BenchResults } from './benchContext.ts';
import { longrun } from './benchLongRun.ts';
import { longtasks } from './benchLongTasks.ts';
import { peers } from './benchPeers.ts';
import { roofline } from './benchRoofline.ts';
import { saving } from './benchSaving.ts';
import { formatBytes, formatCount, gigabytes, gigaflops, peakShare, percent } from './format.ts';
import { textTable } from './table.ts';

/** Minimum seconds of each measured training. */
const STEP_SECONDS = 5;
const SCALING_SECONDS = 3;

export const STAGES = {
  ...{ roofline, dispatches, kernels, step, turns, scaling, sampling, longtasks, longrun, saving, peers },
} as const;
export type StageName = keyof typeof STAGES;

/** Counts dispatches, which need no memory: shapes that the adapter cannot train are counted too. */
async function dispatches(context: BenchContext, results: BenchResults): Promise<void> {
  const { device, report } = context;
  const seconds = await secondsPerDispatch(device, report);
  const rows: string[][] = [];
  await forEachRun(context, results, 'dispatches', async (config, name) => {
    const { vocabulary } = (await context.datasetOf(config)).tokenizer;
    const count = countDispatches(report, config, vocabulary, planLimits(device.limits));
    const { phases, total, totalOnGpu } = count;
    const counts = [...PHASES.map((phase) => phases[phase]), total, totalOnGpu];
    rows.push([name, ...counts.map(String), `${(1000 * seconds * total).toFixed(2)} ms`]);
    return { ...count, secondsPerDispatch: seconds };
  });
  if (rows.length === 0) return;
  const columns = ['run', ...PHASES, 'a step', 'on a GPU', 'empty, all of a step'];
  context.print(textTable(columns, rows));
  context.print(
    `A dispatch of one workgroup that does next to nothing takes ${(1e6 * seconds).toFixed(1)} us here. GPUs split sums, in two dispatches each.`,
  );
}

async function kernels(context: BenchContext, results: BenchResults): Promise<void> {
  const { device, report } = context;
  const shareOf = await sharesOfPeak(device, report);
  await forEachRun(context, results, 'kernels', async (config) => {
    const { vocabulary } = (await context.datasetOf(config)).tokenizer;
    const profile = await profileStep(device, report, config, vocabulary);
    context.print(kernelTable(profile, shareOf));
    return profile;
  });
}

function kernelTable({ operations, phases }: StepProfile, shareOf: (flops: number) => number | null): string {
  const total = operations.reduce((sum, { ms, count }) => sum + ms * count, 0);
  const rows = [...operations]
    .sort((a, b) => b.ms * b.count - a.ms * a.count)
    .map(({ kernel, shape, form, phase, count, ms, flops, bytes }) => [
      [kernel, shape, form].filter((part) => part !== '').join(' '),
      phase,
      String(count),
      (ms * count).toFixed(2),
      percent((ms * count) / total),
      flops > 0 ? gigaflops(flops / (ms / 1000)) : gigabytes(bytes / (ms / 1000)),
      flops > 0 ? peakShare(shareOf(flops / (ms / 1000))) : '',
    ]);
  const parts = Object.entries(phases).map(([phase, ms]) => `${phase} ${ms.toFixed(1)} ms`);
  return `${textTable(['kernel', 'phase', 'count', 'ms', 'share', 'speed', 'of the peak'], rows)}\nEach phase timed as a whole: ${parts.join(', ')}`;
}

async function step(context: BenchContext, results: BenchResults): Promise<void> {
  const { device, report } = context;
  const rows: string[][] = [];
  await forEachRun(context, results, 'step', async (config, name) => {
    const dataset = await context.datasetOf(config);
    const { vocabulary } = dataset.tokenizer;
    const summary = await measureSteps(device, report, config, dataset, STEP_SECONDS);
    const phases = await phaseTimes(device, report, config, vocabulary);
    const { tokensPerSec, startUpMs, msPerStep, mfu, memory } = summary;
    rows.push([
      name,
      formatCount(tokensPerSec ?? 0),
      (msPerStep ?? 0).toFixed(1),
      ...PHASES.map((phase) => phases[phase].toFixed(1)),
      peakShare(mfu),
      formatBytes(memory.total),
      `${((startUpMs ?? 0) / 1000).toFixed(1)} s`,
    ]);
    return { ...summary, phases, model: { ...gptConfig(config, vocabulary), batch: config.batch } };
  });
  if (rows.length === 0) return;
  context.print(
    textTable(['run', 'tokens/s', 'ms per step', ...PHASES, 'MFU', 'memory', 'first loss after'], rows),
  );
  context.print('Each phase of a step is timed separately, in ms.');
}

/** Every mode in turns with the first of them. */
async function turns(context: BenchContext, results: BenchResults): Promise<void> {
  const { device, report, datasetOf } = context;
  const [reference] = context.modes;
  const rows: string[][] = [];
  await forEachRun(context, results, 'turns', async (config, name) => {
    const configs = [{ ...config, precision: reference! }, config] as const;
    const datasets = [await datasetOf(configs[0]), await datasetOf(config)] as const;
    const speed = await measureInTurns(device, report, configs, datasets);
    const { vocabulary } = datasets[1].tokenizer;
    const { bytes } = memoryPlan(config, vocabulary, planLimits(device.limits));
    const { msPerStep, faster, interval } = speed;
    const tokensPerSec = (1000 * tokensPerStep(config)) / msPerStep;
    const between = interval.map((times) => times.toFixed(2)).join(' to ');
    const texts = [formatCount(tokensPerSec), msPerStep.toFixed(1), faster.toFixed(2), between];
    rows.push([name, ...texts, formatBytes(bytes.total)]);
    return { ...speed, tokensPerSec, memoryBytes: bytes.total };
  });
  if (rows.length === 0) return;
  const columns = ['run', 'tokens/s', 'ms per step', `times ${reference}`, '95 %', 'memory'];
  context.print(textTable(columns, rows));
}

/** Greedy tokens with a cache of keys and values, and with every token computed again. */
async function sampling(context: BenchContext, results: BenchResults): Promise<void> {
  const { device, report } = context;
  const rows: string[][] = [];
  await forEachRun(context, results, 'sampling', async (config, name) => {
    const speed = await measureSampling(device, report, config, await context.datasetOf(config));
    const { tokens, tokensPerSec, recomputedTokensPerSec, same, bytes } = speed;
    const rates = [tokensPerSec, recomputedTokensPerSec].map((rate) => rate.toFixed(2));
    const times = `${(tokensPerSec / recomputedTokensPerSec).toFixed(1)} x`;
    rows.push([name, String(tokens), ...rates, times, same ? 'yes' : 'no', formatBytes(bytes)]);
    return speed;
  });
  if (rows.length === 0) return;
  const columns = ['run', 'tokens', 'tokens/s', 'recomputed', 'faster', 'same tokens', 'memory'];
  context.print(textTable(columns, rows));
}

/** Each row doubles one dimension, to show how the cost grows. */
const DOUBLINGS: readonly (readonly [name: string, change: (config: TrainConfig) => Partial<TrainConfig>])[] =
  [
    ['unchanged', () => ({})],
    ['width x 2', ({ width }) => ({ width: 2 * width })],
    ['layers x 2', ({ layers }) => ({ layers: 2 * layers })],
    ['context x 2', ({ context }) => ({ context: 2 * context })],
    ['batch x 2', ({ batch }) => ({ batch: 2 * batch })],
  ];

async function scaling(context: BenchContext, results: BenchResults): Promise<void> {
  const figures: Record<string, unknown> = {};
  results.json.scaling = figures;
  const shape = context.shapes[0]!;
  for (const precision of context.modes) {
    const rows: string[][] = [];
    for (const [name, change] of DOUBLINGS) {
      await results.collect(`scaling ${shape} ${precision} ${name}`, async () => {
        const base = { ...benchShape(shape), precision };
        const config = { ...base, ...change(base) };
        const summary = await measureSteps(
          context.device,
          context.report,
          config,
          await context.datasetOf(config),
          SCALING_SECONDS,
        );
        figures[`${shape} ${precision} ${name}`] = summary;
        rows.push([name, formatCount(summary.tokensPerSec ?? 0), peakShare(summary.mfu)]);
      });
    }
    context.print(`${shape} ${precision}\n${textTable(['', 'tokens/s', 'MFU'], rows)}\n`);
  }
}

/** Calls `measure` for every shape, mode and batch, and stores its results in `json[stage]` under `shape mode`. */
async function forEachRun(
  context: BenchContext,
  results: BenchResults,
  stage: StageName,
  measure: (config: TrainConfig, name: string) => Promise<unknown>,
): Promise<void> {
  const figures: Record<string, unknown> = {};
  results.json[stage] = figures;
  for (const shape of context.shapes) {
    const config = await results.collect(`${stage} ${shape}`, async () => benchShape(shape));
    if (!config) continue;
    context.print(`${shape}: ${describeShape(config)}`);
    for (const precision of context.modes) {
      const mode = `${shape} ${precision}`;
      const runs = await results.collect(`${stage} ${mode}`, () => runsOf(context, { ...config, precision }));
      for (const run of runs ?? []) {
        const name = context.budget === null ? mode : `${mode} batch ${run.batch}`;
        figures[name] = await results.collect(`${stage} ${name}`, () => measure(run, name));
        context.save();
      }
    }
  }
}

/** Returns a run with the shape's own batch or, with a budget, runs with batch 1 and the largest batch that fits. */
async function runsOf(
  { device, budget, datasetOf }: BenchContext,
  config: TrainConfig,
): Promise<readonly TrainConfig[]> {
  if (budget === null) return [config];
  const { vocabulary } = (await datasetOf(config)).tokenizer;
  const batches = budgetedBatches(config, vocabulary, planLimits(device.limits), budget);
  return batches.map((batch) => ({ ...config, batch }));
}
