/** Products of matrices whose scales are powers of two, which every kernel computes exactly. */
import { expect } from 'vitest';
import type { Dispatch, MatmulKernel } from '../../../src/engine/gpu/operation.ts';
import {
  type BlockScales,
  byteLength,
  bytesPerElement,
  type Tensor,
} from '../../../src/engine/gpu/tensor.ts';
import { matmul } from '../../../src/engine/kernels/matmul.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import { encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { type KernelFixture, KernelRun, targetOf } from './runKernel.ts';
import { putInverse } from './scaledInputs.ts';

interface ScaledMatrix {
  readonly tensor: Tensor;
  readonly values: Float64Array;
}

/** A tensor of whole numbers, each times 2^exponent of the scale that it shares. */
export function scaledMatrix(
  run: KernelRun,
  of: {
    readonly name: string;
    readonly format: FormatId;
    readonly rows: number;
    readonly columns: number;
    readonly blockScales: BlockScales;
    readonly numberAt: (at: number) => number;
    readonly scaleAt: (row: number, column: number) => number;
    readonly exponentOf: (scale: number) => number;
  },
): ScaledMatrix {
  const { name, format, rows, columns, blockScales, numberAt, scaleAt, exponentOf } = of;
  const tensor: Tensor = { name, type: format, elements: rows * columns, blockScales };
  const bytes = new Uint8Array(byteLength(tensor));
  const words = new Uint32Array(bytes.buffer);
  const perByte = 1 / bytesPerElement(format);
  for (let k = 0; k <= scaleAt(rows - 1, columns - 1); k++)
    putInverse(words, blockScales.as, k, exponentOf(k));
  const values = Float64Array.from({ length: rows * columns }, (_, at) => {
    const x = numberAt(at);
    bytes[Math.floor(at / perByte)]! |= encodeBits(format, f32Bits(x)) << (4 * (at % perByte));
    return x * 2 ** exponentOf(scaleAt(Math.floor(at / columns), at % columns));
  });
  run.stored(tensor, bytes);
  return { tensor, values };
}

/** The kernels that read scaled operands, with or without subgroups. */
export const KERNELS: readonly [MatmulKernel | 'matrix', boolean][] = [
  ['register32', true],
  ['register8', false],
  ['tiled', false],
  ['matrix', true],
];

/** Of f16, which no scaled value fits. */
export const EMULATED = { component: 'f16', m: 8, n: 16, k: 4, emulated: true } as const;

/**
 * Expects a b, a bT' and aT' b to the bit.
 * @param operandsOf makes a (m, k), aT (k, m), b (k, n) and bT (n, k)
 * @returns what was dispatched
 */
export async function expectExactProducts(
  fixture: KernelFixture,
  [kernel, subgroups]: (typeof KERNELS)[number],
  [m, n, k]: readonly [number, number, number],
  operandsOf: (run: KernelRun) => Readonly<Record<'a' | 'aT' | 'b' | 'bT', ScaledMatrix>>,
): Promise<readonly Dispatch[]> {
  const run = new KernelRun(fixture);
  const plain = targetOf(fixture, 'packed', subgroups, kernel === 'matrix' ? undefined : kernel);
  const target = { ...plain, matrixShapes: kernel === 'matrix' ? [EMULATED] : [] };
  const found = run.found();
  const { a, aT, b, bT } = operandsOf(run);
  const layouts = [
    { a, b, aTransposed: false, bTransposed: false },
    { a, b: bT, aTransposed: false, bTransposed: true },
    { a: aT, b, aTransposed: true, bTransposed: false },
  ];
  const outs = layouts.map((_, i) => run.output(`out ${i}`, 'f32', m * n));
  const dispatches = layouts.map(({ a, b, ...layout }, i) =>
    matmul(target, {
      ...{ label: `${i}`, a: a.tensor, b: b.tensor, out: outs[i]!, m, n, k, found },
      ...layout,
    }),
  );
  await run.run(dispatches);
  for (const [i, { a, b, aTransposed, bTransposed }] of layouts.entries()) {
    const expected = Float64Array.from({ length: m * n }, (_, at) => {
      const [row, column] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let j = 0; j < k; j++) {
        const left = a.values[aTransposed ? j * m + row : row * k + j]!;
        sum += left * b.values[bTransposed ? column * k + j : j * n + column]!;
      }
      return sum;
    });
    expect(run.read(outs[i]!), `layout ${i}`).toEqual(expected);
  }
  expect(run.overflow()).toBeNull();
  return dispatches;
}
