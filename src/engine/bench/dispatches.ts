/** Counts the dispatches of a training step, and measures what one costs that does next to nothing. */
import { microBatchesPerStep, type TrainConfig } from '../config/trainConfig.ts';
import { Arena } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { chooseHalf, makeTarget, matmulCandidates } from '../gpu/target.ts';
import { secondsPerReplay } from '../gpu/timing.ts';
import { reducePartials } from '../kernels/rows.ts';
import { memoryPlan } from '../model/memoryPlan.ts';
import type { PlanLimits } from '../model/tensors.ts';
import { type Phase, phaseLists } from './phases.ts';

export interface DispatchCount {
  /** By phase, of one micro-batch and one update. */
  readonly phases: Readonly<Record<Phase, number>>;
  /** Of a whole step, with all of its micro-batches. */
  readonly total: number;
  /** The same on an adapter that is no software renderer: sums are split there. */
  readonly totalOnGpu: number;
}

/** Counts the dispatches of a step. Nothing is compiled or allocated. @throws EngineError when no plan fits the limits */
export function countDispatches(
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
): DispatchCount {
  const { tensors } = memoryPlan(config, vocabulary, limits);
  const half = chooseHalf(config.half, report);
  const targetOf = (adapter: AdapterReport): Target =>
    makeTarget(adapter, half, { matmul: matmulCandidates(adapter)[0]!, matrixShapes: [] });
  const counted = (target: Target): { phases: DispatchCount['phases']; total: number } => {
    const lists = phaseLists(target, tensors, config);
    const phases = Object.fromEntries(
      Object.entries(lists).map(([phase, operations]) => [phase, dispatchesIn(operations)]),
    ) as Record<Phase, number>;
    const { optimizer, other, ...microBatch } = phases;
    const inMicroBatch = Object.values(microBatch).reduce((sum, count) => sum + count, 0);
    return { phases, total: microBatchesPerStep(config) * inMicroBatch + optimizer + other };
  };
  const { phases, total } = counted(targetOf(report));
  return { phases, total, totalOnGpu: counted(targetOf({ ...report, isFallback: false })).total };
}

function dispatchesIn(operations: readonly Operation[]): number {
  return operations.filter(({ kind }) => kind === 'dispatch').length;
}

/** Dispatches that are timed at once. */
const TIMED = 256;

/**
 * Measures the seconds of one dispatch of one workgroup that adds nothing to four numbers. Each waits for the one before,
 * since it writes the same numbers. Waits for the GPU.
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE
 */
export async function secondsPerDispatch(device: GPUDevice, report: AdapterReport): Promise<number> {
  const tensor = (name: string, type: 'f32' | 'u32') => ({ name, type, elements: 64 }) as const;
  const [out, partials, found] = [
    tensor('bench out', 'f32'),
    tensor('bench partials', 'f32'),
    tensor('bench found', 'u32'),
  ];
  const arena = await Arena.allocate(device, [out, partials, found]);
  try {
    const target = makeTarget(report, 'packed', {
      matmul: matmulCandidates(report)[0]!,
      matrixShapes: [],
    });
    const nothing = reducePartials(target, {
      ...{ partials, first: 0, out, found, blocks: 0, width: 4, label: 'nothing' },
    });
    const program = await Program.compile(
      device,
      new PipelineCache(device),
      arena,
      'dispatches',
      new Array<Operation>(TIMED).fill(nothing),
    );
    try {
      return (await secondsPerReplay(device, program, 16)) / TIMED;
    } finally {
      program.destroy();
    }
  } finally {
    arena.destroy();
  }
}
