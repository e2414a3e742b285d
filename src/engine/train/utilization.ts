import { EngineError } from '../core/errors.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { peakFlops, shareOfPeak } from '../gpu/roofline.ts';
import { type RecordedKernels, usesMatrixUnits } from '../kernels/kernelChoice.ts';

/** What a share of the peak depends on: a trainer's device, model and kernels. */
export interface MeasuredRun {
  readonly device: GPUDevice;
  readonly flopsPerToken: number;
  readonly kernels: RecordedKernels;
}

/**
 * Model FLOP/s of `tokensPerSec` over the adapter's f32 FMA peak; null where that could not be measured: where memory is too
 * short, and where the share is one that {@link shareOfPeak} refuses. The first call for a device measures (some syncs): not
 * for use inside a step.
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
