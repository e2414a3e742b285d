/** The stage `roofline`: measures the adapter's peaks, and square matmuls relative to them. */
import { measureRoofline } from '../engine/index.ts';
import type { BenchContext, BenchResults } from './benchContext.ts';
import { gigabytes, gigaflops, peakShare } from './format.ts';
import { textTable } from './table.ts';

const MATMUL_SIZE = 512;

export async function roofline(
  { device, report, print }: BenchContext,
  results: BenchResults,
): Promise<void> {
  const measured = await measureRoofline(device, report, MATMUL_SIZE);
  results.json.roofline = measured;
  const { peakFlops, halfPeakFlops, copyBytesPerSec, readBytesPerSec, matmuls } = measured;
  print(
    textTable(
      ['', 'measured', 'share of the f32 peak (median)', 'quartiles'],
      [
        ['f32 multiply-add peak', gigaflops(peakFlops), '', ''],
        [
          'f16 multiply-add peak, which training does not use',
          halfPeakFlops === null ? 'needs shader-f16' : gigaflops(halfPeakFlops),
          '',
          '',
        ],
        ['copy bandwidth, read plus written', gigabytes(copyBytesPerSec), '', ''],
        ['read bandwidth, gradient_norm', gigabytes(readBytesPerSec), '', ''],
        ...matmuls.map(({ format, layout, kernel, flops, ofPeak, quartiles }) => [
          `matmul ${MATMUL_SIZE} ${layout}, ${format} operands (${kernel})`,
          gigaflops(flops),
          peakShare(ofPeak),
          quartiles.map(peakShare).join(' to '),
        ]),
      ],
    ),
  );
}
