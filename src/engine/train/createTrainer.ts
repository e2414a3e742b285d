import type { ComputedSoFar } from '../checkpoint/runChanges.ts';
import type { RunFile } from '../checkpoint/runFile.ts';
import { checkConfig, microBatchesPerStep, type TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { type Batch, batchAt, batchesChecksum } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { MatmulKernel, Operation } from '../gpu/operation.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { roughFlops } from '../gpu/roofline.ts';
import { SubmitPace } from '../gpu/submitPace.ts';
import { chooseHalf, makeTarget } from '../gpu/target.ts';
import { chooseKernels, type KernelChoice, recordedChoice, recordKernels } from '../kernels/kernelChoice.ts';
import { memoryPlan, planLimits } from '../model/memoryPlan.ts';
import { initialValues } from '../model/parameters.ts';
import { buildSchedule } from '../model/schedule.ts';
import { microBatchesOf } from './microBatches.ts';
import { allocatePlan, suggestSmallerBatch } from './refusedMemory.ts';
import { WeightsChecksum } from './start.ts';
import { Trainer } from './trainer.ts';
import type { Programs } from './trainerParts.ts';
import { uploadParameters, writeInitialState } from './weights.ts';

/** Share of the roughly measured rate that is assumed until steps are timed. */
const ASSUMED_SHARE = 0.15;

export interface TrainerOptions {
  /** Called while kernels compile, with how many of how many are ready. */
  readonly onProgress?: ((compiled: number, total: number) => void) | undefined;
  /** Use this matmul kernel and no other: what a test asks for. @internal */
  readonly matmul?: MatmulKernel | undefined;
  /** By what the run was trained on a device that it lost: its kernels come before a saved run's own. @internal */
  readonly before?: ComputedSoFar | undefined;
  /**
   * Gives training batch `index` (from 0), B * T ids each, in place of the dataset's own windows: for a comparison with
   * another program on the same batches.
   */
  readonly batches?: ((index: number) => Batch) | undefined;
  /** (rows * columns) f32 of the parameter called `name`, in place of values drawn from the seed. */
  readonly initialValues?: ((name: string) => Float32Array) | undefined;
  /** Milliseconds that a submission may hold the GPU for, at most; changes no result. */
  readonly submitMs?: number | undefined;
  /** Parameters, by name, that keep their values: they have no gradient and no optimizer states. A saved run resumes with the same ones. */
  readonly frozen?: ((name: string) => boolean) | undefined;
  /** A saved run to go on with, on its kernels. */
  readonly resume?: RunFile | undefined;
}

/**
 * Allocates the plan ({@link memoryPlan}: everything, before step 1), compiles every kernel of the run and uploads the
 * initial weights, drawn from the seed. Waits for the GPU several times, once for each chunk of parameters among them. Some
 * seconds where kernels are compiled for the first time.
 * @param device stays the caller's: the trainer's `destroy` leaves it open, and several trainers may share it
 * @param report what `openDevice` returned beside it
 * @param dataset tokenized as the configuration says, both splits longer than its context
 * @throws EngineError for configurations the adapter cannot run (LIMIT_EXCEEDED, OUT_OF_MEMORY, SHADER_COMPILE, ...)
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
  const half = chooseHalf(config.half, report);
  const limits = { ...planLimits(device.limits), frozen: options.frozen };
  const plan = memoryPlan(config, vocabulary, limits);
  const pipelines = new PipelineCache(device);
  const expectedFlops = await roughFlops(device, pipelines, report);
  const { resume } = options;
  const recorded = options.before?.kernels ?? resume?.description.kernels;
  const kernels: KernelChoice = options.matmul
    ? { matmul: options.matmul, matrixShapes: [], matrixNote: null }
    : await (recorded
        ? recordedChoice(device, pipelines, report, recorded)
        : chooseKernels(device, pipelines, report));
  const target = makeTarget(report, half, kernels);
  const schedule = buildSchedule(target, plan.tensors, config);
  const variants = Object.values(schedule).flatMap((operations: readonly Operation[]) =>
    operations.flatMap((operation) => (operation.kind === 'dispatch' ? [operation.variant] : [])),
  );
  await pipelines.getAll(variants, options.onProgress);
  const arena = await allocatePlan(device, plan).catch(async (error: unknown) => {
    throw await suggestSmallerBatch(error, device, config, vocabulary, limits);
  });
  try {
    const compile = (name: keyof Programs, firstSite = 0): Promise<Program> =>
      Program.compile(device, pipelines, arena, name, schedule[name], firstSite);
    const programs = {
      begin: await compile('begin'),
      microBatch: await compile('microBatch'),
      calibration: await compile('calibration'),
      optimizer: await compile('optimizer', schedule.microBatch.length),
      evaluation: await compile('evaluation'),
      sharpness: await compile('sharpness'),
      sampleForward: await compile('sampleForward'),
      sampleLogits: await compile('sampleLogits'),
    };
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
      programs,
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
    else if (options.before) trainer.beginAgain(options.before);
    trainer.calibrate();
    return trainer;
  } catch (error) {
    arena.destroy();
    throw error instanceof EngineError ? error : wrap(error);
  }
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
