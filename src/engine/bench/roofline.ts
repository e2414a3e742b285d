/** Measures an adapter's peaks, and square matmuls relative to them. */
import type { AdapterReport } from '../gpu/device.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { halfPeakFlops, peakFlops, shareOfPeak } from '../gpu/roofline.ts';
import { matrixShapeFor, shapeName } from '../gpu/subgroupMatrix.ts';
import {
  chooseKernels,
  type KernelChoice,
  type RecordedKernels,
  recordKernels,
} from '../kernels/kernelChoice.ts';
import type { FormatId } from '../precision/formats.ts';
import { measureCopyBandwidth, measureReadBandwidth, type SquareMatmul } from './adapter.ts';
import { measureOfPeak, type OfPeak } from './ofPeak.ts';

/** The operand that is stored transposed in the forward pass, in dX and in dW of a layer. */
const LAYOUTS = {
  NN: {},
  NT: { bTransposed: true },
  TN: { aTransposed: true },
} as const satisfies Record<string, Partial<SquareMatmul>>;

export interface RooflineMatmul extends OfPeak {
  /** Format of both operands. */
  readonly format: FormatId;
  readonly layout: string;
  /** The kernel that a run would use for these matrices. */
  readonly kernel: string;
}

export interface Roofline {
  /** Peak rate of f32 multiply-adds on registers, in FLOP/s. */
  readonly peakFlops: number;
  /** The same in f16, which training does not use; null without shader-f16. */
  readonly halfPeakFlops: number | null;
  readonly copyBytesPerSec: number;
  readonly readBytesPerSec: number;
  readonly kernels: RecordedKernels;
  readonly matmulSize: number;
  readonly matmuls: readonly RooflineMatmul[];
}

/**
 * Measures peaks, bandwidths and square matmuls of `matmulSize` in three formats and layouts. It waits for the GPU
 * throughout and frees all that it allocates.
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE
 */
export async function measureRoofline(
  device: GPUDevice,
  report: AdapterReport,
  matmulSize: number,
): Promise<Roofline> {
  const pipelines = new PipelineCache(device);
  const peak = await peakFlops(device, pipelines);
  const hasHalf = report.features.includes('shader-f16');
  const halfPeak = hasHalf ? await halfPeakFlops(device, pipelines) : null;
  const choice = await chooseKernels(device, pipelines, report);
  const copyBytesPerSec = await measureCopyBandwidth(device, report);
  const readBytesPerSec = await measureReadBandwidth(device, pipelines, report, choice);
  const kinds = (['f32', 'f16', 'bf16'] as const).flatMap((format) =>
    Object.entries(LAYOUTS).map(([layout, transposed]) => ({ format, layout, transposed })),
  );
  const squares = kinds.map(({ format, transposed }) => ({ format, size: matmulSize, ...transposed }));
  const measured = await measureOfPeak(device, pipelines, report, choice, squares);
  return {
    peakFlops: peak,
    halfPeakFlops: halfPeak,
    copyBytesPerSec,
    readBytesPerSec,
    kernels: recordKernels(choice),
    matmulSize,
    matmuls: kinds.map(({ format, layout }, i) => ({
      format,
      layout,
      kernel: kernelOf(choice, format, matmulSize),
      ...measured[i]!,
    })),
  };
}

/** Names the kernel for square matmuls in this format. */
function kernelOf({ matmul, matrixShapes }: KernelChoice, format: FormatId, size: number): string {
  const shape = matrixShapeFor(matrixShapes, [format], size, size);
  return shape ? `subgroup matrix ${shapeName(shape)}` : matmul;
}

/**
 * Returns a function that gives a speed in FLOP/s as a share of the adapter's f32 peak; null for shares that only a peak
 * measured too low explains. It measures the peak once for each device, and waits for the GPU.
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE
 */
export async function sharesOfPeak(
  device: GPUDevice,
  report: AdapterReport,
): Promise<(flops: number) => number | null> {
  const pipelines = new PipelineCache(device);
  const peak = await peakFlops(device, pipelines);
  const usesMatrix = (await chooseKernels(device, pipelines, report)).matrixShapes.length > 0;
  return (flops) => shareOfPeak(flops, peak, usesMatrix);
}
