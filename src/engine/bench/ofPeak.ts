/** How near a matmul comes to the adapter's peak, on a machine whose own speed comes and goes. */
import type { AdapterReport } from '../gpu/device.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { peakProgram, shareOfPeak } from '../gpu/roofline.ts';
import { calibrate, secondsInTurns } from '../gpu/timing.ts';
import type { KernelChoice } from '../kernels/kernelChoice.ts';
import { matmulProgram, type SquareMatmul } from './adapter.ts';
import { median } from './slope.ts';

/** Odd, so that the medians are measurements. */
const PAIRS = 31;

export interface OfPeak {
  /** FLOP/s, median. */
  readonly flops: number;
  /** Over the f32 multiply-add peak measured just before, median; null where {@link shareOfPeak} refuses it. */
  readonly ofPeak: number | null;
  /** Half of the pairs are between these two. */
  readonly quartiles: readonly [number | null, number | null];
}

/**
 * FLOP/s of square matmuls, each in turns with the kernel of the peak: what else the machine does meets both alike. Waits for
 * the GPU; frees all it made.
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
  /** FLOP of a replay of the matmul and of the peak's kernel. */
  readonly work: number;
  readonly peakWork: number;
  /** Seconds of the peak's kernel and of the matmul. */
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
