/** The stages of `npm run bench`: each prints a table and keeps its figures for the JSON file. */

import { measureCopyBandwidth, measureMatmulFlops } from '../engine/bench/adapter.ts';
import { profileStep, type StepProfile } from '../engine/bench/operations.ts';
import { benchShape, describeShape } from '../engine/bench/shapes.ts';
import { measureSteps } from '../engine/bench/step.ts';
import type { Dataset } from '../engine/data/dataset.ts';
import { EngineError } from '../engine/errors.ts';
import type { AdapterReport, PrecisionMode, TrainConfig } from '../engine/index.ts';
import { PipelineCache } from '../engine/pipelines.ts';
import { peakFlops } from '../engine/roofline.ts';
import { tuneMatmul } from '../engine/target.ts';
import { formatBytes, formatCount } from './format.ts';
import { textTable } from './table.ts';

export interface BenchContext {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  /** Names as given: each is looked up where it is used, so that a wrong one costs only itself. */
  readonly shapes: readonly string[];
  readonly modes: readonly PrecisionMode[];
  readonly datasetOf: (config: TrainConfig) => Promise<Dataset>;
  readonly print: (line: string) => void;
}

/** Seconds that each measured training takes at least. */
const STEP_SECONDS = 5;
const SCALING_SECONDS = 3;
const MATMUL_SIZE = 512;

/** What was measured, and what could not be: a benchmark that fails is told, and the others still run. */
export class BenchResults {
  readonly json: Record<string, unknown> = { problems: [] as string[] };
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  get problems(): string[] {
    return this.json.problems as string[];
  }

  async collect<T>(name: string, measure: () => Promise<T>): Promise<T | null> {
    try {
      return await measure();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.problems.push(`${name}: ${error.message}`);
      this.#print(`${name}: ${error.message} ${error.hint}`);
      return null;
    }
  }
}

export const STAGES = { roofline, kernels, step, scaling } as const;
export type StageName = keyof typeof STAGES;

async function roofline({ device, report, print }: BenchContext, results: BenchResults): Promise<void> {
  const pipelines = new PipelineCache(device);
  const peak = await peakFlops(device, pipelines);
  const copy = await measureCopyBandwidth(device, report);
  const kernel = await tuneMatmul(device, pipelines, report);
  const matmuls = [];
  for (const format of ['f32', 'f16', 'bf16'] as const) {
    const flops = await measureMatmulFlops(device, pipelines, report, kernel, format, MATMUL_SIZE);
    matmuls.push({ format, flops, ofPeak: flops / peak });
  }
  results.json.roofline = {
    peakFlops: peak,
    copyBytesPerSec: copy,
    kernel,
    matmulSize: MATMUL_SIZE,
    matmuls,
  };
  print(
    textTable(
      ['', 'measured', 'of the peak'],
      [
        ['f32 multiply-add peak', gigaflops(peak), ''],
        ['copy bandwidth', `${(copy / 1e9).toFixed(1)} GB/s`, ''],
        ...matmuls.map(({ format, flops, ofPeak }) => [
          `matmul ${MATMUL_SIZE}, ${format} operands (${kernel})`,
          gigaflops(flops),
          percent(ofPeak),
        ]),
      ],
    ),
  );
}

async function kernels(context: BenchContext, results: BenchResults): Promise<void> {
  const peak = await peakFlops(context.device, new PipelineCache(context.device));
  await forEachRun(context, results, 'kernels', async (config) => {
    const { vocabulary } = (await context.datasetOf(config)).tokenizer;
    const profile = await profileStep(context.device, context.report, config, vocabulary);
    context.print(kernelTable(profile, peak));
    return profile;
  });
}

function kernelTable({ operations, phases }: StepProfile, peak: number): string {
  const total = operations.reduce((sum, { ms, count }) => sum + ms * count, 0);
  const rows = [...operations]
    .sort((a, b) => b.ms * b.count - a.ms * a.count)
    .map(({ kernel, shape, form, phase, count, ms, flops, bytes }) => [
      [kernel, shape, form].filter((part) => part !== '').join(' '),
      phase,
      String(count),
      (ms * count).toFixed(2),
      percent((ms * count) / total),
      flops > 0 ? gigaflops(flops / (ms / 1000)) : `${(bytes / ms / 1e6).toFixed(1)} GB/s`,
      flops > 0 ? percent(flops / (ms / 1000) / peak) : '',
    ]);
  const parts = Object.entries(phases).map(([phase, ms]) => `${phase} ${ms.toFixed(1)} ms`);
  return `${textTable(['kernel', 'phase', 'count', 'ms', 'share', 'speed', 'of the peak'], rows)}\nPhases as one list each: ${parts.join(', ')}`;
}

async function step(context: BenchContext, results: BenchResults): Promise<void> {
  const rows: string[][] = [];
  await forEachRun(context, results, 'step', async (config, name) => {
    const summary = await measureSteps(
      context.device,
      context.report,
      config,
      await context.datasetOf(config),
      STEP_SECONDS,
    );
    const { tokensPerSec, msPerStep, mfu, memory } = summary;
    rows.push([
      name,
      formatCount(tokensPerSec ?? 0),
      (msPerStep ?? 0).toFixed(1),
      percent(mfu ?? 0),
      formatBytes(memory.total),
    ]);
    return summary;
  });
  context.print(textTable(['run', 'tokens/s', 'ms a step', 'MFU', 'memory'], rows));
}

/** Doublings of one dimension each: how the cost grows. */
const DOUBLINGS: readonly (readonly [name: string, change: (config: TrainConfig) => Partial<TrainConfig>])[] =
  [
    ['as it is', () => ({})],
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
        rows.push([name, formatCount(summary.tokensPerSec ?? 0), percent(summary.mfu ?? 0)]);
      });
    }
    context.print(`${shape} ${precision}\n${textTable(['', 'tokens/s', 'MFU'], rows)}\n`);
  }
}

/** Calls `measure` for every shape and mode; figures go to `json[stage]` under `shape mode`. */
async function forEachRun(
  { shapes, modes, print }: BenchContext,
  results: BenchResults,
  stage: StageName,
  measure: (config: TrainConfig, name: string) => Promise<unknown>,
): Promise<void> {
  const figures: Record<string, unknown> = {};
  results.json[stage] = figures;
  for (const shape of shapes) {
    const config = await results.collect(`${stage} ${shape}`, async () => benchShape(shape));
    if (!config) continue;
    print(`${shape}: ${describeShape(config)}`);
    for (const precision of modes) {
      const name = `${shape} ${precision}`;
      figures[name] = await results.collect(`${stage} ${name}`, () =>
        measure({ ...config, precision }, name),
      );
    }
  }
}

function gigaflops(flops: number): string {
  return `${(flops / 1e9).toFixed(1)} GFLOP/s`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
