/** Products of 8-bit integers in all layouts against sums in 64 bits: exact, and so compared with ==. */
import { randomBits } from '../../../src/engine/core/rng.ts';
import type { MatmulKernel, Target } from '../../../src/engine/gpu/operation.ts';
import type { Tensor } from '../../../src/engine/gpu/tensor.ts';
import { matmul, type SumParts } from '../../../src/engine/kernels/matmul.ts';
import { type KernelFixture, KernelRun, targetOf } from './runKernel.ts';

export interface Codes {
  readonly tensor: Tensor;
  readonly values: Int32Array;
}

/** Codes of both signs up to 127, or nearly all of one number: the largest sums that there are. */
export function codedInput(run: KernelRun, name: string, elements: number, of: 'random' | number): Codes {
  const values = Int32Array.from({ length: elements }, (_, i) =>
    of === 'random' ? (randomBits(i, elements) % 255) - 127 : of - (i % 97 === 0 ? Math.sign(of) : 0),
  );
  const tensor = run.codes(
    name,
    'i8',
    Array.from(values, (x) => x & 0xff),
  );
  return { tensor, values };
}

export interface ProductCase {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly aTransposed?: boolean;
  readonly bTransposed?: boolean;
  readonly parts?: SumParts;
  readonly a?: 'random' | number;
  readonly b?: 'random' | number;
}

/** Results beyond a tile; sums that end within one, that an f32 holds, and that it does not; the smallest there is. */
const SHAPES = [
  { m: 68, n: 36, k: 96 },
  { m: 4, n: 4, k: 4 },
  { m: 8, n: 260, k: 1028 },
  { m: 20, n: 8, k: 2500 },
] as const;
const CASES: readonly ProductCase[] = [
  ...SHAPES.flatMap((shape) =>
    [{}, { bTransposed: true }, { aTransposed: true }].flatMap((layout) => [
      { ...shape, ...layout },
      { ...shape, ...layout, a: 127, b: 127 },
    ]),
  ),
  // Rows that are no multiple of four, any number of tokens, and parts of a sum.
  { m: 37, n: 12, k: 20, a: 127, b: -126 },
  { m: 12, n: 36, k: 1061, aTransposed: true, a: 127, b: -126 },
  { m: 12, n: 36, k: 2113, aTransposed: true, a: 127, b: -126, parts: { count: 2, step: 1088 } },
];

/** Forms of the products: those of other formats, and the kernel for four products at a time with either tile. */
export type IntegerForm = MatmulKernel | 'packed' | 'packed128';

export function integerTarget(fixture: KernelFixture, form: IntegerForm, subgroups: boolean): Target {
  if (form !== 'packed' && form !== 'packed128') return targetOf(fixture, 'packed', subgroups, form);
  const matmul = form === 'packed128' ? 'tiled128' : 'tiled64';
  return { ...targetOf(fixture, 'packed', subgroups, matmul), packedProducts: true };
}

/** One for each way of storing an operand, for large tiles: software adapters take seconds to compile one. */
const FEW_CASES: readonly ProductCase[] = [
  { m: 37, n: 12, k: 1200, a: 127, b: -126 },
  { m: 132, n: 136, k: 1060, aTransposed: true, bTransposed: true, a: 127 },
];

/** In 64-bit integers, then rounded to f32. */
export function exactProduct(a: Int32Array, b: Int32Array, of: ProductCase): Float32Array {
  const { m, n, k, aTransposed = false, bTransposed = false } = of;
  const { count, step } = of.parts ?? { count: 1, step: k };
  const out = new Float32Array(count * m * n);
  for (let at = 0; at < out.length; at++) {
    const [part, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
    let sum = 0; // whole, and below 2^53
    for (let i = part * step; i < Math.min(k, (part + 1) * step); i++) {
      sum += a[aTransposed ? i * m + row : row * k + i]! * b[bTransposed ? column * k + i : i * n + column]!;
    }
    out[at] = sum;
  }
  return out;
}

function isLarge({ matmul }: Target): boolean {
  return matmul === 'tiled128';
}

/**
 * Runs the products on a target, and counts their results.
 * @throws Error for the first result that is another than that of {@link exactProduct}
 */
export async function checkProducts(
  fixture: KernelFixture,
  target: Target,
  cases = isLarge(target) ? FEW_CASES : CASES,
): Promise<{ readonly results: number; readonly kernels: ReadonlySet<string> }> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const planned = cases.map((one, i) => {
    const { m, n, k, a: left = 'random', b: right = 'random', parts, aTransposed, bTransposed } = one;
    const a = codedInput(run, `a ${i}`, m * k, left);
    const b = codedInput(run, `b ${i}`, k * n, right);
    const out = run.output(`out ${i}`, 'f32', (parts?.count ?? 1) * m * n);
    const operands = { a: a.tensor, b: b.tensor, out, m, n, k, found };
    const layout = {
      ...(aTransposed && { aTransposed }),
      ...(bTransposed && { bTransposed }),
      ...(parts && { parts }),
    };
    return { one, a, b, out, dispatch: matmul(target, { label: `${i}`, ...operands, ...layout }) };
  });
  await run.run(planned.map(({ dispatch }) => dispatch));
  let results = 0;
  for (const { one, a, b, out } of planned) {
    const wanted = exactProduct(a.values, b.values, one);
    const read = new Float32Array(run.bytesOf(out));
    const at = wanted.findIndex((x, i) => read[i] !== x);
    if (at >= 0) throw new Error(`${JSON.stringify(one)}: result ${at} is ${read[at]}, not ${wanted[at]}`);
    results += wanted.length;
  }
  if (run.overflow() !== null) throw new Error(`${run.overflow()} was reported as an overflow`);
  return { results, kernels: new Set(planned.map(({ dispatch }) => dispatch.variant.kernel)) };
}
