/** exponent_histogram against a histogram on the CPU: counts are integers, so they must agree exactly. */

import { randomBits } from '../../../src/engine/core/rng.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { bytesPerElement, slice } from '../../../src/engine/gpu/tensor.ts';
import { BINS, exponentHistogram } from '../../../src/engine/kernels/numerics.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import { exponentHistogram as oracle } from '../../../src/engine/reference/exponents.ts';
import { decodeBits, encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

export interface ExponentCheck {
  readonly counted: number;
  /** `bin: counted, expected` where they differ. */
  readonly differences: readonly string[];
}

/** Every sign and exponent a tensor can hold, zeros and what is not finite among them. */
function codesOf(format: FormatId, elements: number): number[] {
  return Array.from({ length: elements }, (_, i) => {
    const bits = randomBits(i, 5);
    if (i % 17 === 0) return encodeBits(format, i % 2 === 0 ? 0 : 0x80000000);
    if (i % 29 === 0) return encodeBits(format, i % 2 === 0 ? 0x7f800000 : 0xffc00000);
    const bytes = bytesPerElement(format);
    return bytes < 4 ? bits & (256 ** bytes - 1) : encodeBits(format, bits);
  });
}

/** Four vectors, an odd number of them, one workgroup's share and several; all into rows of one histogram. */
const SIZES = [4, 300, 4 * 1024, 4 * 1024 * 5 + 12];

export async function checkExponents(
  fixture: KernelFixture,
  target: Target,
  format: FormatId,
): Promise<ExponentCheck> {
  const run = new KernelRun(fixture);
  const histogram = run.codes('histogram', 'u32', new Array<number>(SIZES.length * BINS).fill(0));
  const codes = SIZES.map((elements) => codesOf(format, elements));
  const dispatches = codes.map((values, row) =>
    exponentHistogram(target, {
      inp: run.codes('inp', format, values),
      histogram: slice(histogram, row * BINS, BINS),
      elements: values.length,
      label: `${values.length}`,
    }),
  );
  // Counts are added, as micro-batches add theirs: the second row is counted twice.
  await run.run([...dispatches, dispatches[1]!]);
  const counts = run.codesOf(histogram);
  const differences: string[] = [];
  for (const [row, values] of codes.entries()) {
    const expected = oracle(values.map((code) => patternOf(format, code)));
    for (let bin = 0; bin < BINS; bin++) {
      const got = counts[row * BINS + bin]!;
      const wanted = expected[bin]! * (row === 1 ? 2 : 1);
      if (got !== wanted) differences.push(`${SIZES[row]} elements, bin ${bin}: ${got}, not ${wanted}`);
    }
  }
  return { counted: [...counts].reduce((sum, count) => sum + count, 0), differences };
}

/** The f32 bits of a code. A number would do, but for f32 that JavaScript need not keep a NaN's bits. */
function patternOf(format: FormatId, code: number): number {
  return bytesPerElement(format) === 4 ? code : f32Bits(decodeBits(format, code));
}
