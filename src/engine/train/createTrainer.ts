import type { RecordedConditions } from '../checkpoint/runChanges.ts';
import type { RunFile } from '../checkpoint/runFile.ts';
import { checkUsualScale } from '../config/mup.ts';
import { checkConfig, microBatchesPerStep, type TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { type Batch, batchAt, batchesChecksum } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { Operation } from '../gpu/operation.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { roughFlops } from '../gpu/roofline.ts';
import { SubmitPace } from '../gpu/submitPace.ts';
import { chooseHalf, makeTarget } from '../gpu/target.ts';
import { recordKernels } from '../kernels/kernelChoice.ts';
import { memoryPlan, planLimits } from '../model/memoryPlan.ts';
import { initialValues } from '../model/parameters.ts';
import { buildSchedule, type Schedule } from '../model/schedule.ts';
import { microBatchesOf } from './microBatches.ts';
import { type Phase, type Programs, phasesOf } from './phases.ts';
import { allocatePlan, suggestSmallerBatch } from './refusedMemory.ts';
import { runKernels } from './runKernels.ts';
import { WeightsChecksum } from './start.ts';
import { Trainer } from './trainer.ts';
import { uploadParameters, writeInitialState } from './weights.ts';

/** Share of the roughly measured FLOP rate that a step is assumed to reach until steps have been timed. */
const ASSUMED_SHARE = 0.15;

export interface TrainerOptions {
  /** Called while kernels compile, with the number compiled and the total. */
  readonly onProgress?: ((compiled: number, total: number) => void) | undefined;
  /** The conditions under which the run was trained before its device was lost. They take precedence over those of `resume`. @internal */
  readonly before?: RecordedConditions | undefined;
  /**
   * Returns training batch `index` (from 0), B * T ids each, instead of the dataset's windows. For comparisons with other
   * programs on the same batches.
   */
  readonly batches?: ((index: number) => Batch) | undefined;
  /** Returns (rows * columns) f32 of the parameter called `name`, instead of values drawn from the seed. */
  readonly initialValues?: ((name: string) => Float32Array) | undefined;
  /** Longest time in milliseconds that one submission may occupy the GPU. It changes no result. */
  readonly submitMs?: number | undefined;
  /**
   * Selects parameters by name that are not trained and have neither gradient nor optimizer states. A saved run resumes with
   * the ones that its file names.
   */
  readonly frozen?: ((name: string) => boolean) | undefined;
  /** A saved run to resume, on the same adapter with the kernels that it was trained with. */
  readonly resume?: RunFile | undefined;
}

/**
 * Allocates the memory plan ({@link memoryPlan}), compiles all kernels of the run and uploads the initial weights, which
 * are drawn from the seed. There are several CPU-GPU syncs, one of them for each chunk of parameters. Compiling kernels
 * for the first time takes some seconds.
 * @param device owned by the caller: `destroy` leaves it open, and several trainers may share it
 * @param report as `openDevice` returned it with the device
 * @param dataset tokenized as the configuration says, with both splits longer than the context
 * @throws EngineError for configurations that the adapter cannot run (LIMIT_EXCEEDED, OUT_OF_MEMORY, SHADER_COMPILE, ...)
 */
export async function createTrainer(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  dataset: Dataset,
  options: TrainerOptions = {},
): Promise<Trainer> {
  const createdAt = performance.now();
  const { vocabulary } = dataset.tokenizer;
  checkConfig(config, vocabulary);
  if (options.initialValues) checkUsualScale(config);
  const half = chooseHalf(config.half, report);
  const { resume } = options;
  const saved = resume?.description.frozen;
  const frozen = options.frozen ?? (saved && ((name: string) => saved.includes(name)));
  const limits = { ...planLimits(device.limits), frozen };
  const plan = memoryPlan(config, vocabulary, limits);
  const pipelines = new PipelineCache(device);
  const expectedFlops = await roughFlops(device, pipelines, report);
  const gpu = { device, pipelines, report };
  const kernels = await runKernels(gpu, config, plan.tensors, options.before ?? resume?.description);
  const target = makeTarget(report, half, kernels);
  const scheduled = phasesOf(plan.tensors, config).map((phase) => ({
    ...phase,
    schedule: buildSchedule(target, phase.tensors, config, phase.before > 0),
  }));
  const variants = scheduled.flatMap(({ schedule }) =>
    Object.values(schedule).flatMap((operations: readonly Operation[]) =>
      operations.flatMap((operation) => (operation.kind === 'dispatch' ? [operation.variant] : [])),
    ),
  );
  await pipelines.getAll(variants, options.onProgress);
  const arena = await allocatePlan(device, plan).catch(async (error: unknown) => {
    throw await suggestSmallerBatch(error, device, config, vocabulary, limits);
  });
  try {
    const phases: Phase[] = [];
    for (const { schedule, ...phase } of scheduled) {
      const programs = await compilePrograms(schedule, (name, operations, firstSite) =>
        Program.compile(device, pipelines, arena, name, operations, firstSite),
      );
      phases.push({ ...phase, programs });
    }
    const [{ programs }] = phases as [Phase, ...Phase[]];
    const batches = options.batches ?? ((index: number) => batchAt(dataset.train, index, config));
    const weights = new WeightsChecksum();
    const stepUnits = programs.microBatch.units * microBatchesPerStep(config) + programs.optimizer.units;
    const trainer = new Trainer({
      createdAt,
      config,
      dataset,
      report,
      plan,
      half,
      kernels: recordKernels(kernels),
      pace: new SubmitPace((expectedFlops * ASSUMED_SHARE) / 1000, stepUnits, options.submitMs),
      device,
      arena,
      phases,
      pipelines,
      target,
      batches: microBatchesOf(batches, config),
      start: () => ({ weights: weights.value, batches: batchesChecksum(batches) }),
    });
    writeInitialState(device, arena, plan.tensors, config);
    await uploadParameters(device, arena, pipelines, target, plan.tensors, (name) => {
      const { spec } = plan.tensors.parameters.get(name)!;
      return weights.add(name, options.initialValues?.(name) ?? initialValues(spec, config.seed));
    });
    if (resume) await trainer.restore(resume);
    else if (options.before) trainer.restartFrom(options.before);
    trainer.calibrate();
    return trainer;
  } catch (error) {
    arena.destroy();
    throw error instanceof EngineError ? error : wrap(error);
  }
}

/** @param compile is given the number of the first overflow site of a list */
async function compilePrograms(
  schedule: Schedule,
  compile: (name: string, operations: readonly Operation[], firstSite: number) => Promise<Program>,
): Promise<Programs> {
  const programs: Partial<Record<keyof Programs, Program>> = {};
  for (const name of Object.keys(schedule) as (keyof Schedule)[]) {
    // Sites of the optimizer follow those of the micro-batch.
    const firstSite = name === 'optimizer' ? schedule.microBatch.length : 0;
    programs[name] = await compile(name, schedule[name], firstSite);
  }
  return programs as Programs;
}

function wrap(error: unknown): EngineError {
  const message = error instanceof Error ? error.message : String(error);
  return new EngineError(
    'GPU_VALIDATION',
    `The run could not be set up: ${message}`,
    'This is a bug in Halfstep; please report it.',
    {
      cause: error,
    },
  );
}
