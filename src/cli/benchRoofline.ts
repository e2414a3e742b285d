/** `--only roofline`: what the adapter reaches at most, and how near to it square matmuls come. */
import { measureCopyBandwidth, measureReadBandwidth, type SquareMatmul } from '../engine/bench/adapter.ts';
import { measureOfPeak } from '../engine/bench/ofPeak.ts';
import { PipelineCache } from '../engine/gpu/pipelines.ts';
import { halfPeakFlops, peakFlops } from '../engine/gpu/roofline.ts';
import { matrixShapeFor, shapeName } from '../engine/gpu/subgroupMatrix.ts';
import { chooseKernels, type KernelChoice, recordKernels } from '../engine/kernels/kernelChoice.ts';
import type { FormatId } from '../engine/precision/formats.ts';
import type { BenchContext, BenchResults } from './benchContext.ts';
import { gigabytes, gigaflops, peakShare } from './format.ts';
import { textTable } from './table.ts';

const MATMUL_SIZE = 512;

/** Which operand is stored transposed: forward, dX and dW of a layer. */
const LAYOUTS = {
  NN: {},
  NT: { bTransposed: true },
  TN: { aTransposed: true },
} as const satisfies Record<string, Partial<SquareMatmul>>;

export async function roofline(
  { device, report, print }: BenchContext,
  results: BenchResults,
): Promise<void> {
  const pipelines = new PipelineCache(device);
  const peak = await peakFlops(device, pipelines);
  const hasHalf = report.features.includes('shader-f16');
  const halfPeak = hasHalf ? await halfPeakFlops(device, pipelines) : null;
  const choice = await chooseKernels(device, pipelines, report);
  const kernels = recordKernels(choice);
  const copy = await measureCopyBandwidth(device, report);
  const read = await measureReadBandwidth(device, pipelines, report, choice);
  const kinds = (['f32', 'f16', 'bf16'] as const).flatMap((format) =>
    Object.entries(LAYOUTS).map(([layout, transposed]) => ({ format, layout, transposed })),
  );
  const squares = kinds.map(({ format, transposed }) => ({ format, size: MATMUL_SIZE, ...transposed }));
  const measured = await measureOfPeak(device, pipelines, report, choice, squares);
  const matmuls = kinds.map(({ format, layout }, i) => ({ format, layout, ...measured[i]! }));
  results.json.roofline = {
    peakFlops: peak,
    halfPeakFlops: halfPeak,
    copyBytesPerSec: copy,
    readBytesPerSec: read,
    kernels,
    matmulSize: MATMUL_SIZE,
    matmuls,
  };
  print(
    textTable(
      ['', 'measured', 'of the f32 peak, in turns', 'half of them'],
      [
        ['f32 multiply-add peak', gigaflops(peak), '', ''],
        [
          'f16 multiply-add peak, which training does not use',
          halfPeak === null ? 'needs shader-f16' : gigaflops(halfPeak),
          '',
          '',
        ],
        ['copy bandwidth, read and written', gigabytes(copy), '', ''],
        ['read bandwidth, gradient_norm', gigabytes(read), '', ''],
        ...matmuls.map(({ format, layout, flops, ofPeak, quartiles }) => [
          `matmul ${MATMUL_SIZE} ${layout}, ${format} operands (${kernelOf(choice, format)})`,
          gigaflops(flops),
          peakShare(ofPeak),
          quartiles.map(peakShare).join(' to '),
        ]),
      ],
    ),
  );
}

/** The kernel that square matrices of the format are multiplied by. */
function kernelOf({ matmul, matrixShapes }: KernelChoice, format: FormatId): string {
  const shape = matrixShapeFor(matrixShapes, [format], MATMUL_SIZE, MATMUL_SIZE);
  return shape ? `subgroup matrix ${shapeName(shape)}` : matmul;
}
