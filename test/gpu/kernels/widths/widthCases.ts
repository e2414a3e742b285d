/** Every kernel whose workgroup's width or whose sharing by subgroups varies, in workgroups narrower than a subgroup, wider, and no multiple of it. */
import type { MatmulKernel, Target } from '../../../../src/engine/gpu/operation.ts';
import { recipeOf } from '../../../../src/engine/precision/recipes.ts';
import { checkAttention, inParts } from '../attentionCase.ts';
import type { Comparison } from '../bounds.ts';
import { checkCachedAttention } from '../cachedAttentionCase.ts';
import { checkLayernorm } from '../layernormCase.ts';
import { checkCrossEntropy } from '../lossCase.ts';
import { awkwardShapes, checkMatmul, MATMUL_KINDS } from '../matmulCase.ts';
import type { KernelFixture } from '../runKernel.ts';
import { checkSharpness } from '../sharpnessCase.ts';

/** Lanes of a workgroup. */
export const WIDTHS = [4, 8, 12, 32, 64] as const;

interface WidthCase {
  readonly title: string;
  /** Files of shaders/ that it runs. */
  readonly kernels: readonly string[];
  check(fixture: KernelFixture, target: Target): Promise<Comparison[]>;
}

const FP32 = recipeOf('fp32');

/** With the vectors of a head that every number of lanes shares unevenly. */
const attention = (headSize: number): WidthCase => ({
  title: `attention of head size ${headSize}`,
  kernels: ['attention_forward', 'attention_backward_query', 'attention_backward_key_value'],
  check: (fixture, target) =>
    checkAttention(fixture, target, { format: 'f32' }, [
      { batch: 1, context: 5, heads: 2, headSize },
      { batch: 1, context: 70, heads: 1, headSize },
    ]),
});

/** Whose rows are split over two lanes, which exchange what they add up. */
const uniformAttention: WidthCase = {
  title: 'uniform attention',
  kernels: [
    'attention_uniform_forward',
    'attention_uniform_backward_query',
    'attention_uniform_backward_key_value',
  ],
  check: (fixture, target) =>
    checkAttention(
      fixture,
      { ...target, attention: 'uniform' },
      { format: 'f32', changed: inParts(2, target) },
      [{ batch: 1, context: 70, heads: 1, headSize: 8 }],
    ),
};

/** One kind a layout, since how operands are loaded and shared depends on nothing else. */
const matmul = (kernel: MatmulKernel): WidthCase => ({
  title: `matmul ${kernel}`,
  kernels: ['matmul_register'],
  async check(fixture, target) {
    const comparisons: Comparison[] = [];
    for (const name of ['attn.c_proj', 'ln gradient', 'weight gradient']) {
      const kind = MATMUL_KINDS.find((one) => one.name === name)!;
      // The last fills the tiles of eight columns a lane.
      const shapes = [...awkwardShapes(kind.layout), { m: 37, n: 8 * target.lanes, k: 20 }];
      comparisons.push(
        ...(await checkMatmul(
          fixture,
          { ...target, matmul: kernel },
          FP32,
          kind,
          shapes.map(even(kind.layout)),
        )),
      );
    }
    return comparisons;
  },
});

/** Rows of a transposed operand are loaded in fours. */
const even =
  (layout: 'NN' | 'NT' | 'TN') =>
  ({ m, n, k }: { m: number; n: number; k: number }) => ({ m: layout === 'TN' ? m - (m % 4) : m, n, k });

export const WIDTH_CASES: readonly WidthCase[] = [
  {
    title: 'layer norm',
    kernels: ['layernorm_forward', 'layernorm_backward'],
    check: (fixture, target) => checkLayernorm(fixture, target, FP32),
  },
  {
    title: 'cross entropy',
    kernels: ['cross_entropy'],
    check: (fixture, target) => checkCrossEntropy(fixture, target, 'f32'),
  },
  { title: 'sharpness', kernels: ['logit_sharpness'], check: checkSharpness },
  attention(4),
  attention(36),
  uniformAttention,
  {
    title: 'attention over a cache',
    kernels: ['attention_cached'],
    check: (fixture, target) =>
      checkCachedAttention(fixture, target, { format: 'f32', heads: 2, headSize: 8 }),
  },
  matmul('register8'),
  matmul('register16'),
  matmul('register32'),
];

/** @param subgroup null for the variants without subgroups */
export function widthTarget(subgroup: number | null, lanes: number): Target {
  return {
    ...{
      half: 'packed',
      subgroup,
      lanes,
      matmul: 'register8',
      attention: 'register',
      matrixShapes: [],
      splitSums: false,
    },
    attention: 'register',
  };
}
