/** What dispatches state of their kernels, against the WGSL of the kernels. */
import { describe, expect, test } from 'vitest';
import { dispatch } from '../../src/engine/gpu/dispatch.ts';
import { uniformOf } from '../../src/engine/gpu/operation.ts';
import type { Tensor } from '../../src/engine/gpu/tensor.ts';
import { uniformsOf, writeUniforms } from '../../src/engine/gpu/uniforms.ts';
import { withProbe } from '../../src/engine/kernels/numerics.ts';
import { storesIn } from './storesIn.ts';

test('stores are found in every form that the kernels use', () => {
  const code = `
    fn main() {
      out[rows[i] * 4u + f(j)] = encode(x);
      sums.levels[level] += carried;
      state = other;
      atomicMin(&found, site);
      atomicAdd(&counts[bins.x], 4u);
      let seen = atomicLoad(&flag) + arrayLength(&mask);
      if (read[i] == vec4f() || mine[i] <= 3u && theirs >= 2u && last != 1u) { let masked = x & mask[i]; result[0]
        = 1.0; }
      scales[
        p.record].inverse = 0.5;
      steps++;
    }`;
  const names = [
    'out',
    'rows',
    'sums',
    'state',
    'found',
    'counts',
    'flag',
    'read',
    'mine',
    'theirs',
    'last',
    'mask',
  ];
  expect(storesIn(code, [...names, 'result', 'scales', 'steps', 'carried'])).toEqual([
    ...['out', 'sums', 'state', 'found', 'counts', 'result', 'scales', 'steps'],
  ]);
});

describe('uniforms', () => {
  const code = `
    struct Other { a: vec4f }
    struct Params_1 {
      rows: u32,
      scale: f32, site: u32
    }
    @group(1) @binding(0) var<uniform> p: Params_1;`;
  const fields = uniformsOf(code);
  const variant = { kernel: 'some_kernel', slots: {}, conditions: {}, constants: {} };
  const write = (uniforms: Record<string, number | 'site'>): number[] => {
    const view = new DataView(new ArrayBuffer(16));
    writeUniforms(view, fields, { variant, uniforms }, 5);
    return [view.getUint32(0, true), view.getFloat32(4, true), view.getUint32(8, true), view.getUint32(12)];
  };

  test('lie in the order of the struct, whatever theirs is', () => {
    expect(fields).toEqual([
      { name: 'rows', type: 'u32', offset: 0 },
      { name: 'scale', type: 'f32', offset: 4 },
      { name: 'site', type: 'u32', offset: 8 },
    ]);
    expect(write({ site: 'site', scale: 0.5, rows: 0xffffffff })).toEqual([0xffffffff, 0.5, 5, 0]);
  });

  test('a name that is missing or unknown is refused, with the kernel', () => {
    expect(() => write({ site: 'site', rows: 1 })).toThrow(
      new RangeError('some_kernel: missing uniforms [scale], unknown uniforms []'),
    );
    expect(() => write({ site: 'site', rows: 1, scale: 1, row: 1, width: 2 })).toThrow(
      new RangeError('some_kernel: missing uniforms [], unknown uniforms [row, width]'),
    );
    // A name that every object inherits is no uniform.
    expect(() =>
      writeUniforms(
        new DataView(new ArrayBuffer(4)),
        uniformsOf('struct P { toString: u32 } var<uniform> p: P;'),
        { variant, uniforms: {} },
        0,
      ),
    ).toThrow(/missing uniforms \[toString\]/);
  });

  test.each([1.5, -1, 2 ** 32, Number.NaN])('%s is no u32', (rows) => {
    expect(() => write({ site: 'site', rows, scale: 1 })).toThrow(
      new RangeError(
        `some_kernel: the uniform rows is ${rows}; a u32 is a whole number from 0 to 4294967295`,
      ),
    );
  });

  test('of other types are refused', () => {
    expect(() => uniformsOf('struct P { a: u32, b: vec2f }\nvar<uniform> p: P;')).toThrow(
      new RangeError('the field "b: vec2f" of P is neither u32 nor f32'),
    );
    expect(() => uniformsOf('var<uniform> p: vec4f;')).toThrow(/vec4f, which is no struct/);
    expect(uniformsOf('fn main() {}')).toEqual([]);
  });
});

describe('a dispatch', () => {
  const tensor = (name: string, type: Tensor['type'] = 'f32'): Tensor => ({ name, type, elements: 64 });
  const scales = tensor('scales', 'u32');
  const scaled = { tensor: tensor('a', 'e4m3fn'), offset: 0, elements: 64 };
  const scale = { tensor: scales, record: 3 };
  const made = dispatch({ half: 'packed' }, 'kernel', {
    operands: { a: { ...scaled, scale }, b: tensor('b', 'f16'), bias: undefined, out: tensor('out') },
    tensors: { stats: tensor('stats'), rest: undefined },
    found: tensor('found', 'u32'),
    scaled: { recordOfA: 'a', recordOfB: 'b' },
    writes: ['out', 'stats', 'bias', 'rest'],
    uniforms: { rows: 4, step: undefined },
    conditions: { wide: true },
    grid: [1, 1, 1],
    label: 'label',
  });

  test('has slots, bindings and conditions of what is there', () => {
    expect(made.variant).toEqual({
      kernel: 'kernel',
      slots: { a: 'e4m3fn', b: 'f16_packed', out: 'f32' },
      conditions: { wide: true, scaled: true },
      constants: {},
    });
    expect(Object.keys(made.bindings).sort()).toEqual(['a', 'b', 'found', 'out', 'scales', 'stats']);
    expect(made.writes).toEqual(['out', 'stats', 'found']);
    expect(made.uniforms).toEqual({ rows: 4, site: 'site', recordOfA: 3, recordOfB: 0 });
  });

  test('has slots whose blocks have scales where the operand has them, without a binding more', () => {
    const a = { ...tensor('a', 'e4m3fn'), blockScales: { block: 16, as: 'e8m0' } as const };
    const part = { tensor: a, offset: 0, elements: 32 };
    const { variant, bindings } = dispatch({ half: 'packed' }, 'kernel', {
      operands: { a: part, b: tensor('b', 'f16') },
      scaled: { record: 'a' },
      writes: [],
      uniforms: {},
      grid: [1, 1, 1],
      label: 'label',
    });
    expect(variant.slots).toEqual({ a: 'e4m3fn/16:e8m0', b: 'f16_packed' });
    expect(variant.conditions).toEqual({ scaled: false });
    expect(Object.keys(bindings)).toEqual(['a', 'b']);
  });

  test('writes the histogram of a probe too', () => {
    const histogram = tensor('histogram', 'u32');
    const probed = withProbe(made, histogram);
    expect(probed.writes).toEqual([...made.writes, 'histogram']);
    expect(probed.bindings.histogram).toBe(histogram);
  });

  test('is asked for its uniforms by name', () => {
    expect(uniformOf(made, 'rows')).toBe(4);
    expect(() => uniformOf(made, 'columns')).toThrow(new RangeError('kernel has no uniform columns'));
    expect(() => uniformOf(made, 'site')).toThrow(new RangeError('kernel has no uniform site'));
  });

  test('without a target has no operands', () => {
    const args = { writes: [], uniforms: {}, grid: [1, 1, 1], label: 'label' } as const;
    expect(() => dispatch(null, 'kernel', { ...args, operands: { a: scaled } })).toThrow(
      new TypeError('kernel is dispatched without a target, and has operands'),
    );
  });
});
