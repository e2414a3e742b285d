import type { TrainConfig } from '../config/trainConfig.ts';
import type { AttentionKernel, MatmulKernel } from '../gpu/operation.ts';
import { attentionCandidates } from '../gpu/target.ts';
import {
  chooseKernels,
  type KernelChoice,
  type RecordedKernels,
  recordedChoice,
} from '../kernels/kernelChoice.ts';
import { readKernels } from '../kernels/kernelOption.ts';
import type { Gpu } from '../kernels/kernelTiming.ts';
import { operationsOf } from '../model/emission.ts';
import { buildPass } from '../model/schedule.ts';
import type { RunTensors } from '../model/tensors.ts';

interface Given {
  /** Uses these families without a self-test. */
  readonly matmul?: MatmulKernel | undefined;
  readonly attention?: AttentionKernel | undefined;
  /** Of the saved run. */
  readonly recorded?: RecordedKernels | undefined;
}

/**
 * Returns the kernels that the configuration asks for; the others as the run was saved with them, or the fastest on what a
 * micro-batch of it dispatches. Waits for the GPU.
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE; BAD_VALUE where the adapter cannot run what is asked for
 */
export async function runKernels(
  { device, pipelines, report }: Gpu,
  { kernels }: Pick<TrainConfig, 'kernels'>,
  { training }: RunTensors,
  { matmul, attention = attentionCandidates(report)[0]!, recorded: saved }: Given = {},
): Promise<KernelChoice> {
  if (matmul) return { matmul, attention, matrixShapes: [], matrixNote: null, note: null };
  const asked = readKernels(kernels);
  const recorded = saved && (await recordedChoice(device, pipelines, report, saved));
  if (recorded && Object.keys(asked).length === 0) return recorded;
  return chooseKernels(device, pipelines, report, {
    sample: (target) => operationsOf(buildPass(training, target)),
    asked,
    recorded,
  });
}
