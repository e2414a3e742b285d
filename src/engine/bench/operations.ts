/** Profiles a step: every distinct operation and every phase is replayed and timed by itself. */

import type { TrainConfig } from '../config/trainConfig.ts';
import { Arena } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { type Dispatch, type Operation, uniformOf, variantKey } from '../gpu/operation.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { chooseHalf, makeTarget } from '../gpu/target.ts';
import { byteRange } from '../gpu/tensor.ts';
import { secondsPerReplay } from '../gpu/timing.ts';
import { memoryPlan, planLimits } from '../model/memoryPlan.ts';
import { runKernels } from '../train/runKernels.ts';
import { PHASES, type Phase, type PhaseLists, phaseLists } from './phases.ts';

const MAX_REPLAYS = 1000;

export interface OperationTiming {
  readonly phase: Phase;
  readonly kernel: string;
  /** m x n x k of a matmul; '' for other kernels. */
  readonly shape: string;
  /** Conditions of the variant, such as `bias gelu`. */
  readonly form: string;
  readonly label: string;
  /** Number of dispatches per step. */
  readonly count: number;
  /** Milliseconds of one dispatch. */
  readonly ms: number;
  readonly flops: number;
  /** Bytes of all operands, each counted once: a lower bound of the memory traffic. */
  readonly bytes: number;
}

export interface StepProfile {
  readonly operations: readonly OperationTiming[];
  readonly phases: Readonly<Record<Phase, number>>;
}

/**
 * Times every distinct operation and every phase of one micro-batch and one optimizer step. It compiles, allocates and
 * frees everything that it needs, and waits for the GPU throughout.
 * @throws EngineError when the adapter cannot hold the run
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

/** Times only the phases, in milliseconds, as {@link profileStep} does. */
export function phaseTimes(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
): Promise<StepProfile['phases']> {
  return withStep(device, report, config, vocabulary, timePhases);
}

/** Returns the milliseconds of one replay of the operations. */
type Timer = (operations: readonly Operation[]) => Promise<number>;

async function timePhases(lists: PhaseLists, time: Timer): Promise<StepProfile['phases']> {
  const phases: Record<Phase, number> = { forward: 0, lmHead: 0, backward: 0, optimizer: 0, other: 0 };
  for (const phase of PHASES) phases[phase] = await time(lists[phase]);
  return phases;
}

/** Passes the operations of a step to `use`. Tensors are zero, because no kernel's time depends on values. */
async function withStep<T>(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
  use: (lists: PhaseLists, time: Timer) => Promise<T>,
): Promise<T> {
  const { tensors } = memoryPlan(config, vocabulary, planLimits(device.limits));
  const pipelines = new PipelineCache(device);
  const kernels = await runKernels({ device, pipelines, report }, config, tensors);
  const target = makeTarget(report, chooseHalf(config.half, report), kernels);
  const arena = await Arena.allocate(
    device,
    tensors.planned.map(({ tensor }) => tensor),
  );
  const time = async (operations: readonly Operation[]): Promise<number> => {
    const program = await Program.compile(device, pipelines, arena, 'profile', operations);
    try {
      program.submit(Number.POSITIVE_INFINITY); // drivers finish compiling at the first use of a pipeline
      return 1000 * (await secondsPerReplay(device, program, MAX_REPLAYS));
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

/** Groups equal dispatches and counts them. Copies and clears are timed in the phases only. */
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
