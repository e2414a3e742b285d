/** Where the time of a step goes: every distinct operation, and every phase, replayed by itself. */

import type { TrainConfig } from '../config/trainConfig.ts';
import { Arena } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { type Dispatch, type Operation, type Target, uniformOf, variantKey } from '../gpu/operation.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { chooseHalf, makeTarget } from '../gpu/target.ts';
import { byteRange } from '../gpu/tensor.ts';
import { secondsPerReplay } from '../gpu/timing.ts';
import { chooseKernels } from '../kernels/kernelChoice.ts';
import { PHASES as MODEL_PHASES, operationsOf } from '../model/emission.ts';
import { memoryPlan, planLimits } from '../model/memoryPlan.ts';
import { buildPass, buildSchedule } from '../model/schedule.ts';
import type { RunTensors } from '../model/tensors.ts';

const MOST_REPLAYS = 1000;

export const PHASES = [...MODEL_PHASES, 'optimizer', 'other'] as const;
export type Phase = (typeof PHASES)[number];

export interface OperationTiming {
  readonly phase: Phase;
  readonly kernel: string;
  /** Rows x columns x sum of a matmul; '' for other kernels. */
  readonly shape: string;
  /** Conditions of the variant: `bias gelu`. */
  readonly form: string;
  readonly label: string;
  /** How often a step dispatches it. */
  readonly count: number;
  /** Of one dispatch. */
  readonly ms: number;
  readonly flops: number;
  /** Bytes bound, each operand once: what has to pass through memory at least. */
  readonly bytes: number;
}

export interface StepProfile {
  readonly operations: readonly OperationTiming[];
  readonly phases: Readonly<Record<Phase, number>>;
}

/**
 * Times every distinct operation of one micro-batch and one optimizer step, and every phase, by itself.
 * Compiles, allocates and frees everything it needs; waits for the GPU throughout.
 * @throws EngineError where the adapter cannot hold the run
 */
export function profileStep(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
): Promise<StepProfile> {
  return withStep(device, report, config, vocabulary, async (lists, time) => {
    const operations: OperationTiming[] = [];
    for (const phase of PHASES) {
      for (const [dispatch, count] of distinct(lists[phase])) {
        operations.push({ ...describe(dispatch), phase, count, ms: await time([dispatch]) });
      }
    }
    return { operations, phases: await timePhases(lists, time) };
  });
}

/** Milliseconds of each phase, as {@link profileStep}, without its operations. */
export function phaseTimes(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
): Promise<StepProfile['phases']> {
  return withStep(device, report, config, vocabulary, timePhases);
}

type PhaseLists = Readonly<Record<Phase, readonly Operation[]>>;
/** Milliseconds that one replay of the operations takes. */
type Timer = (operations: readonly Operation[]) => Promise<number>;

async function timePhases(lists: PhaseLists, time: Timer): Promise<StepProfile['phases']> {
  const phases: Record<Phase, number> = { forward: 0, lmHead: 0, backward: 0, optimizer: 0, other: 0 };
  for (const phase of PHASES) phases[phase] = await time(lists[phase]);
  return phases;
}

/** Lends the operations of a step on zeroed tensors: no kernel's time depends on values. */
async function withStep<T>(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
  use: (lists: PhaseLists, time: Timer) => Promise<T>,
): Promise<T> {
  const { tensors } = memoryPlan(config, vocabulary, planLimits(device.limits));
  const pipelines = new PipelineCache(device);
  const kernels = await chooseKernels(device, pipelines, report);
  const target = makeTarget(report, chooseHalf(config.half, report), kernels);
  const arena = await Arena.allocate(
    device,
    tensors.planned.map(({ tensor }) => tensor),
  );
  const time = async (operations: readonly Operation[]): Promise<number> => {
    const program = await Program.compile(device, pipelines, arena, 'profile', operations);
    try {
      program.submit(Number.POSITIVE_INFINITY); // what drivers put off until a pipeline is used
      return 1000 * (await secondsPerReplay(device, program, MOST_REPLAYS));
    } finally {
      program.destroy();
    }
  };
  try {
    return await use(phaseLists(target, tensors, config), time);
  } finally {
    arena.destroy();
  }
}

function phaseLists(target: Target, tensors: RunTensors, config: TrainConfig): PhaseLists {
  const { begin, optimizer } = buildSchedule(target, tensors, config);
  const microBatch = buildPass(tensors.training, target);
  const [forward, lmHead, backward] = MODEL_PHASES.map((phase) =>
    operationsOf(microBatch.filter((emitted) => emitted.phase === phase)),
  );
  return { forward: forward!, lmHead: lmHead!, backward: backward!, optimizer, other: begin };
}

/** One dispatch of each variant and uniforms, with how many there are; copies and clears are in the phases only. */
function distinct(operations: readonly Operation[]): [Dispatch, number][] {
  const found = new Map<string, [Dispatch, number]>();
  for (const operation of operations) {
    if (operation.kind !== 'dispatch') continue;
    const key = `${variantKey(operation.variant)} ${JSON.stringify([operation.grid, operation.uniforms])}`;
    const entry = found.get(key);
    if (entry) entry[1] += 1;
    else found.set(key, [operation, 1]);
  }
  return [...found.values()];
}

function describe(dispatch: Dispatch): Omit<OperationTiming, 'phase' | 'count' | 'ms'> {
  const { variant, bindings, label, flops = 0 } = dispatch;
  let bytes = 0;
  for (const operand of Object.values(bindings)) {
    bytes += byteRange(operand).size;
  }
  const conditions = Object.keys(variant.conditions).filter((name) => variant.conditions[name]);
  return {
    kernel: variant.kernel,
    shape: variant.kernel.startsWith('matmul') ? matmulShape(dispatch) : '',
    form: conditions.filter((name) => name !== 'subgroups').join(' '),
    label,
    flops,
    bytes,
  };
}

function matmulShape(dispatch: Dispatch): string {
  return `${uniformOf(dispatch, 'm')}x${4 * uniformOf(dispatch, 'n4')}x${uniformOf(dispatch, 'k')}`;
}
