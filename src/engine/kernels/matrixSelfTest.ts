/** Compares matrix units and other families with the plain kernel, because drivers may implement what they use incorrectly. */

import { EngineError } from '../core/errors.ts';
import { randomBits } from '../core/rng.ts';
import { Arena, readTensor } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { MatmulKernel, Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { type MatrixShape, shapeName } from '../gpu/subgroupMatrix.ts';
import { makeTarget } from '../gpu/target.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type MatmulArgs, matmul } from './matmul.ts';

type Component = MatrixShape['component'] | 'i8';

/** Sizes that are multiples of no tile and need at least two tiles along k. */
const [M, N, K] = [100, 68, 84];
const PARTS = { count: 2, step: 64 };

type Layout = Pick<MatmulArgs, 'aTransposed' | 'bTransposed' | 'parts'>;
const LAYOUTS: Readonly<Record<string, Layout>> = {
  NN: {},
  NT: { bTransposed: true },
  TN: { aTransposed: true },
  'TN in parts': { aTransposed: true, parts: PARTS },
};

/**
 * Describes how products of this matrix shape differ from the plain kernel; null if they agree in all layouts. Waits for the
 * GPU.
 * @throws EngineError OUT_OF_MEMORY
 */
export async function matrixFault(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  plain: MatmulKernel,
  shape: MatrixShape,
): Promise<string | null> {
  const target = (matrixShapes: readonly MatrixShape[]) =>
    makeTarget(report, 'packed', { matmul: plain, matrixShapes });
  return productFault(device, pipelines, shapeName(shape), shape.component, target([shape]), target([]));
}

/**
 * Describes how products of `tested` differ from those of `plain`; null if they agree in all layouts. Waits for the GPU.
 * @param type format of the operands
 * @throws EngineError OUT_OF_MEMORY
 */
export async function productFault(
  device: GPUDevice,
  pipelines: PipelineCache,
  title: string,
  type: Component,
  tested: Target,
  plain: Target,
): Promise<string | null> {
  const a: Tensor = { name: 'self-test a', type, elements: M * K };
  const b: Tensor = { name: 'self-test b', type, elements: K * N };
  const out: Tensor = { name: 'self-test out', type: 'f32', elements: PARTS.count * M * N };
  const found: Tensor = { name: 'self-test found', type: 'u32', elements: 4 };
  const arena = await Arena.allocate(device, [a, b, out, found]);
  const product = async (layout: Layout, target: Target): Promise<Float32Array> => {
    const args = { label: 'self-test', a, b, out, m: M, n: N, k: K, found, ...layout };
    const program = await Program.compile(device, pipelines, arena, 'self-test', [matmul(target, args)]);
    program.submit(Number.POSITIVE_INFINITY);
    program.destroy();
    return new Float32Array(await readTensor(device, arena, out, 4 * M * N * (layout.parts?.count ?? 1)));
  };
  try {
    for (const [name, layout] of Object.entries(LAYOUTS)) {
      const left = contents(type, M * K, 1, (i) => (layout.aTransposed ? i % M : Math.floor(i / K)) === 0);
      const right = contents(type, K * N, 2);
      device.queue.writeBuffer(arena.buffer(a), 0, left.bytes);
      device.queue.writeBuffer(arena.buffer(b), 0, right.bytes);
      // The matrix kernel runs first. If it stores nothing, the plain kernel's result is not mistaken for its own.
      const actual = await product(layout, tested);
      const expected = await product(layout, plain);
      const bound =
        type === 'i8' ? new Float64Array(actual.length) : bounds(left.values, right.values, layout);
      const problem = difference(actual, expected, bound);
      if (problem) return `${title} ${name}: ${problem}`;
    }
    return null;
  } catch (error) {
    // A pipeline that uses the extension may fail to compile although the plain kernels compile.
    if (!(error instanceof EngineError && error.code === 'SHADER_COMPILE')) throw error;
    return `${title}: ${error.message}`;
  } finally {
    arena.destroy();
  }
}

interface Contents {
  readonly bytes: Int8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  readonly values: Float64Array;
}

/**
 * Random f16 values with magnitudes below 4, random f32 values with all mantissa bits, or 8-bit integers, whose sums are exact.
 * @param isTiny elements that are f16 subnormals, which reveal matrix units that flush them to zero
 */
function contents(
  type: Component,
  count: number,
  seed: number,
  isTiny = (_: number): boolean => false,
): Contents {
  const random = (i: number): number => randomBits(i, seed);
  if (type === 'f32') {
    const bytes = Float32Array.from({ length: count }, (_, i) => random(i) / 2 ** 31 - 1);
    return { bytes, values: Float64Array.from(bytes) };
  }
  if (type === 'i8') {
    const bytes = Int8Array.from({ length: count }, (_, i) => (random(i) % 255) - 127);
    return { bytes, values: Float64Array.from(bytes) };
  }
  // Exponent fields up to 16: below 4 in magnitude.
  const bytes = Uint16Array.from({ length: count }, (_, i) => {
    const exponent = isTiny(i) ? 0 : (random(i) >>> 16) % 17;
    return (exponent << 10) | (random(i) & 0x83ff);
  });
  return { bytes, values: Float64Array.from(bytes, valueOfHalf) };
}

function valueOfHalf(code: number): number {
  const [exponent, mantissa] = [(code >> 10) & 31, code & 1023];
  const magnitude = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25);
  return code & 0x8000 ? -magnitude : magnitude;
}

/**
 * Bounds the difference of the two kernels for each result. Each kernel rounds K sums by at most one unit in the last place
 * (ulp), as WGSL allows, and matrix units may align the terms of a sum to the largest one and truncate them first. Together
 * that is 3 K ulp of the sum of magnitudes. K * 2^-126 allows for flushed f32 subnormals.
 */
function bounds(left: Float64Array, right: Float64Array, layout: Layout): Float64Array {
  const { aTransposed, bTransposed, parts = { count: 1, step: K } } = layout;
  const bound = new Float64Array(parts.count * M * N).fill(K * 2 ** -126);
  for (let k = 0; k < K; k++) {
    const first = Math.floor(k / parts.step) * M * N;
    for (let m = 0; m < M; m++) {
      const x = Math.abs(left[aTransposed ? k * M + m : m * K + k]!) * 3 * K * 2 ** -23;
      for (let n = 0; n < N; n++) {
        bound[first + m * N + n]! += x * Math.abs(right[bTransposed ? n * K + k : k * N + n]!);
      }
    }
  }
  return bound;
}

function difference(actual: Float32Array, expected: Float32Array, bound: Float64Array): string | null {
  const at = bound.findIndex((most, i) => !(Math.abs(actual[i]! - expected[i]!) <= most));
  if (at < 0) return null;
  const place = `(${Math.floor(at / N) % M}, ${at % N})`;
  return `${actual[at]} at ${place} where the plain kernel has ${expected[at]}, and ${bound[at]!.toExponential(1)} is the most they may differ`;
}
