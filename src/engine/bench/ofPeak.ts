/** How near a matmul comes to the adapter's peak, on a machine whose own speed comes and goes. */
import type { AdapterReport } from '../device.ts';
import type { KernelChoice } from '../kernelChoice.ts';
import type { PipelineCache } from '../pipelines.ts';
import { peakProgram } from '../roofline.ts';
import { calibrate, secondsInTurns } from '../timing.ts';
import { matmulProgram, type SquareMatmul } from './adapter.ts';
import { median } from './slope.ts';

/** Odd, so that the medians are measurements. */
const PAIRS = 31;

export interface OfPeak {
  /** FLOP/s, median. */
  readonly flops: number;
  /** Over the f32 multiply-add peak measured just before, median. */
  readonly ofPeak: number;
  /** Half of the pairs are between these two. */
  readonly quartiles: readonly [number, number];
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
        measured.push(ofPeak(peak.flops, 2 * square.size ** 3, await secondsInTurns(device, both, PAIRS)));
      } finally {
        matmul.destroy();
      }
    }
    return measured;
  } finally {
    peak.destroy();
  }
}

function ofPeak(peakWork: number, work: number, pairs: readonly [number, number][]): OfPeak {
  const ratios = pairs.map(([peakSeconds, seconds]) => work / seconds / (peakWork / peakSeconds));
  ratios.sort((a, b) => a - b);
  return {
    flops: median(pairs.map(([, seconds]) => work / seconds)),
    ofPeak: median(ratios),
    quartiles: [ratios[PAIRS >> 2]!, ratios[PAIRS - 1 - (PAIRS >> 2)]!],
  };
}
