import { EngineError } from '../core/errors.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { peakFlops, shareOfPeak } from '../gpu/roofline.ts';
import { type RecordedKernels, usesMatrixUnits } from '../kernels/kernelChoice.ts';

/** The parts of a trainer that the utilization depends on. */
export interface MeasuredRun {
  readonly device: GPUDevice;
  readonly flopsPerToken: number;
  readonly kernels: RecordedKernels;
}

/**
 * Model FLOPs utilization (MFU): model FLOP/s at `tokensPerSec` over the adapter's measured f32 FMA peak. It is null when
 * there was too little memory to measure the peak, and when {@link shareOfPeak} rejects the result. The first call for a
 * device measures the peak (several CPU-GPU syncs), so it is not for use in a step.
 */
export async function modelFlopsUtilization(
  { device, flopsPerToken, kernels }: MeasuredRun,
  tokensPerSec: number,
): Promise<number | null> {
  try {
    const peak = await peakFlops(device, new PipelineCache(device));
    return shareOfPeak(tokensPerSec * flopsPerToken, peak, usesMatrixUnits(kernels));
  } catch (error) {
    if (error instanceof EngineError && error.code === 'OUT_OF_MEMORY') return null;
    throw error;
  }
}
