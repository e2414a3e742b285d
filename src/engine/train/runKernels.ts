import type { RunConditions } from '../checkpoint/runChanges.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import { chooseKernels, type KernelChoice, recordedChoice } from '../kernels/kernelChoice.ts';
import { readKernels } from '../kernels/kernelOption.ts';
import type { Gpu } from '../kernels/kernelTiming.ts';
import { operationsOf } from '../model/emission.ts';
import { buildPass } from '../model/schedule.ts';
import type { RunTensors } from '../model/tensors.ts';

/**
 * Returns the kernels that the configuration asks for; the others as the run used them before on the same adapter, or the
 * fastest on what a micro-batch of it dispatches. Waits for the GPU.
 * @param before the conditions of a run that resumes. What is fast on one adapter may be slow on another, so that the
 * kernels of another adapter are not taken over
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE; BAD_VALUE where the adapter cannot run what is asked for
 */
export async function runKernels(
  { device, pipelines, report }: Gpu,
  { kernels }: Pick<TrainConfig, 'kernels'>,
  { training }: RunTensors,
  before?: Pick<RunConditions, 'adapter' | 'kernels'>,
): Promise<KernelChoice> {
  const asked = readKernels(kernels);
  const isSameAdapter = before?.adapter === report.name;
  const recorded = isSameAdapter
    ? await recordedChoice(device, pipelines, report, before.kernels)
    : undefined;
  if (recorded && Object.keys(asked).length === 0) return recorded;
  return chooseKernels(device, pipelines, report, {
    sample: (target) => operationsOf(buildPass(training, target)),
    asked,
    recorded,
  });
}
