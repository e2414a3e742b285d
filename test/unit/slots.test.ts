/** Linked kernels, of which the slots of their operands are made as they are linked. */
import { expect, test } from 'vitest';
import { EngineError } from '../../src/engine/core/errors.ts';
import type { Variant } from '../../src/engine/gpu/operation.ts';
import { assemble } from '../../src/engine/gpu/shaders.ts';
import type { Prelude } from '../../src/engine/precision/formats.ts';

const variant = (kernel: string, slots: Record<string, Prelude>): Variant => ({
  kernel,
  slots,
  conditions: {},
  constants: {},
});

test('a kernel reads and writes its operands through modules of their formats', async () => {
  const { code, bindings } = await assemble(variant('reduce_partials', { out: 'bf16' }));
  expect(code.replace(/\n{2,}/g, '\n')).toMatchInlineSnapshot(`
    "
    struct Params {
      blocks: u32,
      c4: u32,
      first: u32,
      site: u32,
    }
    @group(0) @binding(0) var<storage, read> partials: array<vec4f>;
    @group(1) @binding(0) var<uniform> p: Params;
    @compute @workgroup_size(64) fn reduce_partials(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
      let column = group.x * 64u + local;
      if (column >= p.c4) {
        return;
      }
      let first = p.first;
      var sum = vec4f();
      for (var block = 0u; block < p.blocks; block++) {
        sum += partials[first + block * p.c4 + column];
      }
      sum += out_load(column);
      out_store(column, sum);
      reportOverflow(out_overflows(sum), p.site);
    }
    fn out_load(i: u32) -> vec4f {
      return out_decode(out_codes(i));
    }
    fn out_store(i: u32, v: vec4f) -> vec4f {
      let four = out_encode(v);
      out_storeCodes(i, four);
      return out_decode(four);
    }
    fn reportOverflow(overflowed: bool, site: u32) {
      if (overflowed) {
        atomicMin(&found, site);
      }
    }
    fn out_overflows(v: vec4f) -> bool {
      return any(magnitudeBits(v) >= vec4u(0x7f7f8000u));
    }
    fn out_decode(e: out_Elem4) -> vec4f {
      let even = e << vec2u(16u);
      let odd = e & vec2u(0xffff0000u);
      return bitcast<vec4f>(vec4u(even.x, odd.x, even.y, odd.y));
    }
    fn out_codes(i: u32) -> out_Elem4 {
      return out[i];
    }
    alias out_Elem4 = vec2u;
    @group(0) @binding(16) var<storage, read_write> out: array<out_Elem4>;
    fn out_encode(v: vec4f) -> out_Elem4 {
      return packHalves(bf16Codes(v));
    }
    fn out_storeCodes(i: u32, four: out_Elem4) {
      out[i] = four;
    }
    fn packHalves(codes: vec4u) -> vec2u {
      return codes.xz | (codes.yw << vec2u(16u));
    }
    fn bf16Codes(v: vec4f) -> vec4u {
      let rounded = roundMantissa(v, 16u) >> vec4u(16u);
      return select(rounded, rounded | vec4u(0x40u), magnitudeBits(v) > INFINITY_BITS);
    }
    fn roundMantissa(v: vec4f, dropped: u32) -> vec4u {
      let bits = bitcast<vec4u>(v);
      let half = (1u << (dropped - 1u)) - 1u;
      let odd = (bits >> vec4u(dropped)) & vec4u(1u);
      let rounded = (bits + vec4u(half) + odd) & vec4u(0xffffffffu << dropped);
      return select(rounded, bits, (bits & INFINITY_BITS) == INFINITY_BITS);
    }
    fn magnitudeBits(v: vec4f) -> vec4u {
      return bitcast<vec4u>(v) & MAGNITUDE;
    }
    const INFINITY_BITS = vec4u(0x7f800000u);
    const MAGNITUDE = vec4u(0x7fffffffu);
    @group(0) @binding(15) var<storage, read_write> found: atomic<u32>;"
  `);
  expect(Object.fromEntries(bindings)).toMatchInlineSnapshot(`
    {
      "found": {
        "binding": 15,
        "group": 0,
        "type": "storage",
      },
      "out": {
        "binding": 16,
        "group": 0,
        "type": "storage",
      },
      "p": {
        "binding": 0,
        "group": 1,
        "type": "uniform",
      },
      "partials": {
        "binding": 0,
        "group": 0,
        "type": "read-only-storage",
      },
    }
  `);
});

test('slots of one kernel share nothing, and are bound in the order of their names, to be written only where they are', async () => {
  const { code, bindings } = await assemble(variant('convert_format', { out: 'e4m3fn', inp: 'f16_packed' }));
  expect(bindings.get('inp')).toEqual({ group: 0, binding: 16, type: 'read-only-storage' });
  expect(bindings.get('out')).toEqual({ group: 0, binding: 17, type: 'storage' });
  expect(code).toContain('@group(0) @binding(16) var<storage, read> inp: array<inp_Elem4>;');
  expect(code).toMatch(/alias inp_Elem4 = vec2u;/);
  expect(code).toMatch(/alias out_Elem4 = u32;/);
  expect(code).toMatch(/out_store\(i, value\)/);
  // Nothing that the kernel does not call.
  expect(code).not.toMatch(/fn (inp_store|inp_encode|out_load|out_codes|\w+_nonFinite)\(/);
});

test('a slot without a file of its format is refused, and so is a call of a slot that is not there', async () => {
  for (const [slots, message] of [
    [
      { inp: 'none' as Prelude },
      /^Could not assemble column_sum \| inp=none: there is no file formats\/none\.wgsl/,
    ],
    [{}, /^Could not assemble column_sum: .*inp::load/s],
  ] as const) {
    const error = await assemble(variant('column_sum', slots)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).message).toMatch(message);
  }
});
