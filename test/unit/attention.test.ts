/** How attention is cut into workgroups, and what is refused. */
import { describe, expect, test } from 'vitest';
import { ATTENTION_KERNELS, type Dispatch, type Target } from '../../src/engine/gpu/operation.ts';
import { attentionCandidates } from '../../src/engine/gpu/target.ts';
import { attentionBackward, attentionForward } from '../../src/engine/kernels/attention.ts';
import {
  type AttentionOptions,
  type AttentionShape,
  windowElements,
  windowWords,
} from '../../src/engine/kernels/attentionOptions.ts';

const GPU: Target = {
  ...{ half: 'packed', subgroup: 32, lanes: 64, matmul: 'tiled', attention: 'uniform' },
  ...{ matrixShapes: [], splitSums: true },
};
const SHAPE = { batch: 2, context: 100, heads: 4, headSize: 64 };

function dispatches(target: Target, shape: AttentionShape, options: AttentionOptions = {}): Dispatch[] {
  const tensor = (name: string) => ({ name, type: 'f32', elements: 2 ** 20 }) as const;
  const found = { name: 'found', type: 'u32', elements: 4 } as const;
  const args = {
    ...{ label: 'attention', found, shape, qkv: tensor('qkv'), lse: tensor('lse'), out: tensor('out') },
    ...options,
  };
  const backward = { ...args, dout: tensor('dout'), dots: tensor('dots'), dqkv: tensor('dqkv') };
  return [attentionForward(target, args), ...attentionBackward(target, backward)];
}

describe('the uniform kernels', () => {
  /** Rows of D that each pass keeps; 255 is what a lane of NVIDIA's GPUs has. */
  const keptBy = ({ kernel, conditions: { keys, values } }: Dispatch['variant']) => {
    if (kernel === 'attention_uniform_forward') return 2;
    if (kernel === 'attention_uniform_backward_query') return 3;
    return keys && values ? 4 : keys ? 3 : 2;
  };

  test.each([4, 32, 64, 72, 80, 96, 112, 128])('keep a head of %i in registers', (headSize) => {
    const uniform = dispatches(GPU, { ...SHAPE, headSize }).filter(
      ({ variant }) => 'ROWS' in variant.constants,
    );
    // Gradients of keys and values apart keep a head of 64 whole; larger ones are split anyway, and then computed together.
    expect(uniform).toHaveLength(headSize === 64 ? 4 : 3);
    for (const { variant } of uniform) {
      const { PARTS, HEAD4, LANES, ROWS, SUBGROUP } = variant.constants as Record<string, number>;
      expect(HEAD4! % PARTS!).toBe(0);
      expect(LANES).toBe(PARTS! * ROWS!);
      expect(LANES).toBeLessThanOrEqual(256);
      expect((keptBy(variant) * headSize) / PARTS!, variant.kernel).toBeLessThanOrEqual(192);
      expect(variant.conditions).toMatchObject({ split: PARTS! > 1 });
      if (PARTS! > 1) expect([variant.conditions.subgroups, SUBGROUP]).toEqual([true, 32]);
    }
  });

  test.each([
    ['of another size than the rows have parts of', { subgroup: 64, lanes: 96 }],
    ['of unknown size', { subgroup: null }],
  ] as const)('use no subgroups %s, and then have a pass for keys and one for values', (_, changed) => {
    const kernels = dispatches({ ...GPU, ...changed }, SHAPE);
    for (const { variant } of kernels) expect(variant.conditions.subgroups ?? false).toBe(false);
    // Each lane then keeps what it reads, too: a pass keeps less of a head of 128, and splits it over more lanes.
    const [, , query] = dispatches({ ...GPU, ...changed }, { ...SHAPE, headSize: 128 });
    const { LANES = 0, ROWS = 1, PARTS = 1 } = query!.variant.constants;
    expect(LANES).toBe(PARTS * ROWS);
    expect(PARTS).toBe(4 * ROWS <= 256 ? 4 : 2);
    const passes = kernels
      .slice(-2)
      .map(({ variant: { conditions } }) => [conditions.keys, conditions.values]);
    expect(passes).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  test('are what GPUs take, and software adapters do not', () => {
    expect(attentionCandidates({ isFallback: false })).toEqual(['uniform']);
    expect(attentionCandidates({ isFallback: true })).toEqual(['register']);
  });
});

test.each(ATTENTION_KERNELS)(
  'the %s kernels bind at most as many buffers as WebGPU guarantees',
  (attention) => {
    const tensor = { name: 'windows', type: 'u32', elements: windowElements(2, 100) } as const;
    const windows = { tensor, documents: true, dropout: { rate: 0.1, stream: 1 } };
    for (const { bindings, variant } of dispatches({ ...GPU, attention }, SHAPE, { windows })) {
      // A probe of the numerics panel adds one to what stores gradients.
      const most = 'dqkv' in bindings ? 7 : 8;
      expect(Object.keys(bindings).length, variant.kernel).toBeLessThanOrEqual(most);
    }
  },
);

const windows = (uses: Partial<NonNullable<AttentionOptions['windows']>>): AttentionOptions => ({
  windows: { tensor: { name: 'windows', type: 'u32', elements: 4 }, ...uses },
});

test.each([
  [{ headSize: 6 }, {}, /A head of 6 numbers is no multiple of 4/],
  [{ keyValueHeads: 3 }, {}, /4 heads cannot share 3 key\/value heads evenly/],
  [{}, { softCap: 0 }, /capped at 0, which must be above 0/],
  [{}, windows({ keys: 99 }), /100 queries do not fit in 99 rows/],
  [{}, windows({ dropout: { rate: 1, stream: 0 } }), /Dropout at a rate of 1 is not from 0 to below 1/],
] as const)('%o with %o is refused', (shape, options, message) => {
  for (const attention of ATTENTION_KERNELS) {
    expect(() => dispatches({ ...GPU, attention }, { ...SHAPE, ...shape }, options)).toThrow(message);
  }
});

describe('the words of windows', () => {
  test('have seed, index, first query and the starts of documents', () => {
    const words = windowWords([{ seed: 9, index: 4, firstQuery: 1, starts: [0, 0, 2] }, { index: 5 }], {
      context: 2,
      keys: 3,
    });
    expect([...words]).toEqual([9, 4, 1, 0, 0, 2, 0, 5, 0, 0, 0, 0]);
    expect(words).toHaveLength(windowElements(2, 3));
  });

  test.each([
    [{ firstQuery: 2 }, /Window 0 has 2 queries from row 2 on, and 3 rows: start at 1 at most/],
    [{ starts: [0, 0] }, /Window 0 has 2 starts of documents for 3 rows/],
    [{ starts: [0, 2, 2] }, /row 1 starts at row 2; it must start from row 0 to 1/],
    [{ starts: [0, 1, 0] }, /row 2 starts at row 0; it must start from row 1 to 2/],
  ])('refuse %o', (window, message) => {
    expect(() => windowWords([window], { context: 2, keys: 3 })).toThrow(message);
  });
});
