/** Where scales of blocks lie: behind the elements of each part of a tensor that is bound by itself. */
import { describe, expect, test } from 'vitest';
import { dispatch } from '../../src/engine/gpu/dispatch.ts';
import { assemble } from '../../src/engine/gpu/shaders.ts';
import {
  type BlockScales,
  byteLength,
  byteRange,
  isScaled,
  slice,
  sliceOf,
  type Tensor,
} from '../../src/engine/gpu/tensor.ts';
import { quantizeBlocks } from '../../src/engine/kernels/quantizeBlocks.ts';
import { TensorPlan } from '../../src/engine/model/tensorPlan.ts';

const tensor = (elements: number, blockScales?: BlockScales, type: Tensor['type'] = 'e4m3fn'): Tensor => ({
  name: 'x',
  type,
  elements,
  blockScales,
});

describe('bytes', () => {
  test.each([
    // Elements, at a 256-byte boundary the scales, in fours of a byte or of a word.
    [1024, { block: 16, as: 'e8m0' }, 1024 + 64],
    [1024, { block: 16, as: 'pow2' }, 1024 + 4 * 64],
    [1040, { block: 16, as: 'e8m0' }, 1280 + 4 * 17],
    [768 * 3, { block: 768, as: 'e8m0' }, 2304 + 4],
    [768 * 3, { block: 768, as: 'pow2' }, 2304 + 16],
    [4, { block: 4, as: 'e8m0' }, 256 + 4],
  ] as const)('of %d elements with scales %o are %d', (elements, blockScales, bytes) => {
    const whole = tensor(elements, blockScales);
    expect(byteLength(whole)).toBe(bytes);
    expect(byteRange(whole)).toEqual({ offset: 0, size: bytes });
    expect(isScaled(whole)).toBe(true);
    // Fewer elements than there are have their scales at the same place.
    expect(byteRange(slice(whole, 0, 4))).toEqual({ offset: 0, size: bytes });
  });

  test('of parts that are bound by themselves each have their scales behind them', () => {
    const parts = tensor(2 * 1040 + 512, { block: 16, as: 'e8m0', part: 1040 });
    // 1,280 bytes of elements and 68 of scales; the next part begins at a 256-byte boundary.
    expect(byteRange(slice(parts, 0, 1040))).toEqual({ offset: 0, size: 1348 });
    expect(byteRange(slice(parts, 1040, 1040))).toEqual({ offset: 1536, size: 1348 });
    expect(byteRange(sliceOf(slice(parts, 1040, 1040), 1040, 256))).toEqual({ offset: 3072, size: 512 + 32 });
    expect(byteLength(parts)).toBe(3072 + 512 + 32);
  });

  test('of tensors without scales are what they were', () => {
    const plain = tensor(1000, undefined, 'bf16');
    expect(byteLength(plain)).toBe(2000);
    expect(byteRange(plain)).toEqual({ offset: 0, size: 2000 });
    expect(byteRange(slice(plain, 128, 130))).toEqual({ offset: 256, size: 260 });
    expect(byteLength(tensor(3))).toBe(16);
    expect(isScaled(plain)).toBe(false);
  });
});

describe('refused', () => {
  test('is a slice whose scales lie elsewhere', () => {
    const whole = tensor(1024, { block: 16, as: 'e8m0' });
    const parts = tensor(1024, { block: 16, as: 'e8m0', part: 512 });
    for (const [make, message] of [
      [
        () => slice(whole, 256, 256),
        'x has its scales behind the last element: 256 elements from element 256 on cannot be bound by themselves',
      ],
      [
        () => sliceOf(slice(parts, 512, 512), 256, 256),
        'x has scales behind each 512 elements: 256 elements from element 768 on cannot be bound by themselves',
      ],
      [
        () => sliceOf(parts, 0, 1024),
        'x has scales behind each 512 elements: 1024 elements from element 0 on cannot be bound by themselves',
      ],
      [
        () => byteRange(parts),
        'x has scales behind each 512 elements: 1024 elements from element 0 on cannot be bound by themselves',
      ],
    ] as const) {
      expect(make).toThrow(new RangeError(message));
    }
  });

  test('is a tensor of the plan with and without scales, or with others', () => {
    const plan = new TensorPlan();
    const scales = { block: 16, as: 'e8m0' } as const;
    const planned = plan.add('activations', 'x', 'e4m3fn', 64, scales);
    expect(plan.add('activations', 'x', 'e4m3fn', 128, { ...scales })).toBe(planned);
    expect(byteLength(planned)).toBe(256 + 8);
    for (const other of [undefined, { block: 32, as: 'e8m0' }, { block: 16, as: 'pow2' }] as const) {
      expect(() => plan.add('activations', 'x', 'e4m3fn', 64, other)).toThrow(
        new RangeError('x is planned with two different kinds of block scales'),
      );
    }
  });

  test.each([
    [1000, { block: 16, as: 'e8m0' }, /^x: 1000 elements cannot be stored in blocks of 16:/],
    [1000, { block: 10, as: 'e8m0' }, /^x: 1000 elements cannot be stored in blocks of 10:/],
    [1000, undefined, /^x: 1000 elements cannot be stored in blocks of 0:/],
  ] as const)('are %d elements in blocks of %o', (elements, blockScales, message) => {
    const out = tensor(elements, blockScales);
    const target = { half: 'packed' } as Parameters<typeof quantizeBlocks>[0];
    expect(() => quantizeBlocks(target, { label: 'x', inp: out, out, elements })).toThrow(message);
  });

  test.each([
    [
      'bf16',
      16,
      'x is stored in bf16 with 2 bytes per element: only formats with at most 1 byte can have block scales',
    ],
    ['e4m3fn', 6, 'x is stored in e4m3fn in blocks of 6 elements, which is no multiple of 4'],
  ] as const)('is an operand in %s with blocks of %d', (type, block, message) => {
    const inp = tensor(48, { block, as: 'e8m0' }, type);
    const args = { operands: { inp }, writes: [], uniforms: {}, grid: [1, 1, 1], label: 'x' } as const;
    expect(() => dispatch({ half: 'packed' }, 'column_sum', args)).toThrow(new RangeError(message));
  });
});

test('a kernel reads the scales of blocks from behind the elements of the same binding', async () => {
  const variant = {
    kernel: 'tensor_amax',
    slots: { inp: 'e4m3fn/16:e8m0' },
    conditions: {},
    constants: {},
  } as const;
  const { code, bindings } = await assemble(variant);
  expect([...bindings.keys()].sort()).toEqual(['amax', 'inp', 'p']);
  expect(code.slice(code.indexOf('fn inp_load')).replace(/\n{2,}/g, '\n')).toMatchInlineSnapshot(`
    "fn inp_load(i: u32) -> vec4f {
      return inp_decode(inp_codes(i)) * inp_inverse(i / inp_BLOCK4);
    }
    fn inp_decode(e: inp_Elem4) -> vec4f {
      let bytes = bytesAtTop(e);
      let magnitude = bytes & vec4u(0x7f000000u);
      let x = bitcast<vec4f>((magnitude >> vec4u(4u)) + vec4u(120u << 23u));
      let finite = bitcast<vec4u>(min(x, fma(x, vec4f(2.0), vec4f(-0x1p-6f))));
      let bits = select(finite, QUIET_NAN, magnitude == vec4u(0x7f000000u));
      return bitcast<vec4f>(bits | (bytes & vec4u(0x80000000u)));
    }
    fn inp_codes(i: u32) -> u32 {
      if (inp_VECTOR_BITS == 16u) {
        return (inp[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
      }
      return inp[i];
    }
    fn inp_inverse(k: u32) -> f32 {
      if (inp_SCALE_KIND == 0u) {
        return bitcast<f32>(inp[inp_lastWord() - k]);
      }
      let byte = (inp[inp_lastWord() - k / 4u] >> (8u * (k % 4u))) & 0xffu;
      if (inp_SCALE_KIND == 1u) {
        return bitcast<f32>(byte << 23u);
      }
      return e4m3Values(vec4u(byte)).x;
    }
    const inp_BLOCK4 = 4u;
    fn bytesAtTop(word: u32) -> vec4u {
      return vec4u(word) << vec4u(24u, 16u, 8u, 0u);
    }
    const QUIET_NAN = vec4u(0x7fc00000u);
    alias inp_Elem4 = u32;
    const inp_VECTOR_BITS = 32u;
    @group(0) @binding(16) var<storage, read> inp: array<u32>;
    const inp_SCALE_KIND = 1u;
    fn e4m3Values(codes: vec4u) -> vec4f {
      let normal = bitcast<vec4f>((codes << vec4u(20u)) + vec4u(120u << 23u));
      return select(normal, vec4f(codes) * 0x1p-9f, codes < vec4u(8u));
    }
    fn inp_lastWord() -> u32 {
      return arrayLength(&inp) - 1u;
    }
    const MAGNITUDE = vec4u(0x7fffffffu);"
  `);
});
