/** Measures matmuls relative to the adapter's peak, on machines whose speed varies. */
import type { AdapterReport } from '../gpu/device.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { peakProgram, shareOfPeak } from '../gpu/roofline.ts';
import { calibrate, secondsInTurns } from '../gpu/timing.ts';
import type { KernelChoice } from '../kernels/kernelChoice.ts';
import { matmulProgram, type SquareMatmul } from './adapter.ts';
import { median } from './robust.ts';

/** The number is odd, so that medians are measured values. */
const PAIRS = 31;

export interface OfPeak {
  /** Median in FLOP/s. */
  readonly flops: number;
  /** Median share of the f32 multiply-add peak measured just before; null when {@link shareOfPeak} rejects it. */
  readonly ofPeak: number | null;
  /** Lower and upper quartile of the shares. */
  readonly quartiles: readonly [number | null, number | null];
}

/**
 * Measures square matmuls, each alternating with the peak kernel, so that other load on the machine affects both equally.
 * It waits for the GPU and frees all that it allocates.
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE
 */
export async function measureOfPeak(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  kernels: KernelChoice,
  squares: readonly SquareMatmul[],
): Promise<OfPeak[]> {
  const usesMatrix = kernels.matrixShapes.length > 0;
  const peak = await peakProgram(device, pipelines);
  try {
    const measured: OfPeak[] = [];
    for (const square of squares) {
      const matmul = await matmulProgram(device, pipelines, report, kernels, square);
      try {
        const both = [
          { program: peak.program, replays: 1 },
          await calibrate(device, matmul.program),
        ] as const;
        const pairs = await secondsInTurns(device, both, PAIRS);
        measured.push(ofPeak({ work: 2 * square.size ** 3, peakWork: peak.flops, pairs, usesMatrix }));
      } finally {
        matmul.destroy();
      }
    }
    return measured;
  } finally {
    peak.destroy();
  }
}

interface MeasuredPairs {
  /** FLOP of one replay of the matmul; `peakWork` is that of the peak kernel. */
  readonly work: number;
  readonly peakWork: number;
  /** Seconds of the peak kernel and of the matmul. */
  readonly pairs: readonly [number, number][];
  readonly usesMatrix: boolean;
}

export function ofPeak({ work, peakWork, pairs, usesMatrix }: MeasuredPairs): OfPeak {
  const ratios = pairs.map(([peakSeconds, seconds]) => work / seconds / (peakWork / peakSeconds));
  ratios.sort((a, b) => a - b);
  const share = (ratio: number) => shareOfPeak(ratio, 1, usesMatrix);
  const quarter = ratios.length >> 2;
  return {
    flops: median(pairs.map(([, seconds]) => work / seconds)),
    ofPeak: share(median(ratios)),
    quartiles: [share(ratios[quarter]!), share(ratios[ratios.length - 1 - quarter]!)],
  };
}
