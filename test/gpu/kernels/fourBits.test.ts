/** E2M1, four bits an element, with a scale for each 32 elements (OCP's MXFP4) or for each row: encoded, and read by the kernels. */
import { expect, test } from 'vitest';
import { randomBits } from '../../../src/engine/core/rng.ts';
import type { MatmulKernel } from '../../../src/engine/gpu/operation.ts';
import { type BlockScales, byteLength, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import { matmul } from '../../../src/engine/kernels/matmul.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { checkFourBitCodes, checkFourBitEncoder } from './fourBitsCase.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { putInverse } from './scaledInputs.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const FORMAT = 'e2m1fn';
const VALUES = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];
const MXFP4 = { block: 32, as: 'e8m0' } as const;

test('every code is encoded to the bit at a scale of 1, and read to the bit under every scale', () =>
  withKernelFixture(async (fixture) => {
    for (const { codes, wrong } of [await checkFourBitEncoder(fixture), await checkFourBitCodes(fixture)]) {
      expect(wrong).toEqual([]);
      expect(codes).toBeGreaterThan(8000);
    }
  }));

interface FourBits {
  readonly tensor: Tensor;
  readonly values: Float64Array;
}

/** Codes in turn or at random, with scales from 2^-2 to 2^2. */
function fourBits(
  run: KernelRun,
  name: string,
  elements: number,
  blockScales: BlockScales & { readonly block: number },
  seed: number,
): FourBits {
  const { block: width, as } = blockScales;
  const tensor: Tensor = { name, type: FORMAT, elements, blockScales };
  const bytes = new Uint8Array(byteLength(tensor));
  const words = new Uint32Array(bytes.buffer);
  const values = Float64Array.from({ length: elements }, (_, i) => {
    const code = seed === 0 ? i % 16 : randomBits(i, seed) % 16;
    const block = Math.floor(i / width);
    const exponent = (randomBits(block, seed + 100) % 5) - 2;
    bytes[i >> 1]! |= code << (4 * (i & 1));
    if (i % width === 0) putInverse(words, as, block, exponent);
    return VALUES[code]! * 2 ** exponent;
  });
  run.stored(tensor, bytes);
  return { tensor, values };
}

test.each(['e8m0', 'pow2'] as const)('every code is read with the scale of its block, scales as %s', (as) =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const { tensor, values } = fourBits(run, 'inp', 21 * 32, { block: 32, as }, 0);
    // Codes are half of what they are in bytes, the scales lie behind a 256-byte boundary.
    expect(byteLength(tensor)).toBe(512 + (as === 'e8m0' ? 6 * 4 : 6 * 16));
    const out = run.output('out', 'f32', tensor.elements);
    const target = targetOf(fixture, 'packed', false);
    await run.run([convertFormat(target, { inp: tensor, out, elements: tensor.elements, label: 'read' })]);
    expect(run.read(out)).toEqual(values);
  }),
);

test('without scales it is refused', () => {
  const inp: Tensor = { name: 'inp', type: FORMAT, elements: 64 };
  const target = { half: 'packed' } as Parameters<typeof convertFormat>[0];
  expect(() => convertFormat(target, { inp, out: inp, elements: 64, label: 'read' })).toThrow(
    new RangeError('inp is stored in e2m1fn, which needs block scales'),
  );
});

/** Rows and columns beyond a tile, and sums that end within one. */
const [M, N, K] = [68, 36, 96];

test.each<[MatmulKernel, boolean]>([
  ['register32', true],
  ['register8', false],
  ['tiled', false],
])('matmul (%s, subgroups %s) reads both operands in all layouts, to the bit', (kernel, subgroups) =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const target = targetOf(fixture, 'packed', subgroups, kernel);
    const found = run.found();
    const a = fourBits(run, 'a', M * K, MXFP4, 1);
    const b = fourBits(run, 'b', N * K, { block: K, as: 'pow2' }, 2);
    const layouts = [{}, { bTransposed: true }, { aTransposed: true }] as const;
    const outs = layouts.map((_, i) => run.output(`out ${i}`, 'f32', M * N));
    await run.run(
      layouts.map((layout, i) =>
        matmul(target, {
          label: `${i}`,
          a: a.tensor,
          b: b.tensor,
          out: outs[i]!,
          m: M,
          n: N,
          k: K,
          found,
          ...layout,
        }),
      ),
    );
    for (const [i, { aTransposed, bTransposed }] of (
      layouts as readonly { aTransposed?: boolean; bTransposed?: boolean }[]
    ).entries()) {
      // Products are multiples of 2^-6 and at most 24^2, so that sums of 96 are below 2^16 and exact in f32.
      const expected = Float64Array.from({ length: M * N }, (_, at) => {
        const [m, n] = [Math.floor(at / N), at % N];
        let sum = 0;
        for (let k = 0; k < K; k++) {
          sum +=
            a.values[aTransposed ? k * M + m : m * K + k]! * b.values[bTransposed ? n * K + k : k * N + n]!;
        }
        return sum;
      });
      expect(run.read(outs[i]!), `layout ${i}`).toEqual(expected);
    }
    expect(run.overflow()).toBeNull();
  }),
);
