/** What bench/gpu-report reads from a listing, and the shares of the peak that follow. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Budget, boundFor } from '../../../bench/gpu-report/budgets.ts';
import { comparisonTables } from '../../../bench/gpu-report/comparison.ts';
import { FAMILIES, SIMDS } from '../../../bench/gpu-report/families.ts';
import { boundOf, hotLoop } from '../../../bench/gpu-report/hotLoop.ts';
import { costOf } from '../../../bench/gpu-report/instructions.ts';
import { nullDeviceEnv } from '../../../bench/gpu-report/layer.ts';
import { readProgram, readStatistics, workgroupSize } from '../../../bench/gpu-report/listing.ts';
import { readOptions } from '../../../bench/gpu-report/options.ts';
import { type CompiledRow, type Kernel, type Row, rowOf } from '../../../bench/gpu-report/rows.ts';
import { namesOf, reportTables } from '../../../bench/gpu-report/table.ts';
import { filtered } from '../../../bench/gpu-report/targets.ts';
import { kernelsOfCode } from '../../../bench/gpu-report/variants.ts';
import { type AdapterReport, candidateTargets } from '../../../src/engine/index.ts';

const fixture = (name: string) =>
  readFileSync(new URL(`../../fixtures/gpu-report/${name}`, import.meta.url), 'utf8');

const FULL = { size: 64, active: 64 };
const { navi31, navi21, vega20 } = SIMDS;

/** A header and the execution mode of one entry point: all that the size is read from. */
function spirv(...size: readonly number[]): Uint8Array {
  const words = [0x07230203, 0x00010300, 0, 10, 0, (2 << 16) | 17, 1, (6 << 16) | 16, 4, 17, ...size];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

function outcome(name: string, workgroup: number) {
  const code = Buffer.from(spirv(workgroup, 1, 1)).toString('base64');
  return { listing: { assembly: fixture(`${name}.asm`), statistics: fixture(`${name}.stats`), spirv: code } };
}

function kernel(name: string, more: Partial<Kernel> = {}): Kernel {
  return {
    ...{
      key: name,
      kernel: name,
      traits: [],
      targets: [],
      code: '',
      entryPoint: name,
      dispatches: 1,
      flops: 0,
      bytes: 0,
    },
    ...more,
  };
}

const instruction = (text: string) => readProgram(text).instructions[0]!;
const clocks = (text: string, simd = navi31, waves = FULL) => costOf(instruction(text), simd, waves).clocks;
const fma = (text: string) => costOf(instruction(text), navi31, FULL).fma;

describe('a listing', () => {
  test('has its instructions without encodings and padding, and its loops', () => {
    const { instructions, loops } = readProgram(fixture('reduce_partials.asm'));
    expect(instructions[0]).toEqual({ text: 's_mov_b32 s0, s3', name: 's_mov_b32' });
    expect(instructions.map(({ name }) => name).filter((name) => !/^[a-z]\w+$/.test(name))).toEqual([]);
    expect(loops.map(({ label, trips }) => [label, trips])).toEqual([['BB2', null]]);
    const body = instructions.slice(loops[0]!.first, loops[0]!.end);
    expect(body[0]!.text).toBe('s_cmp_eq_i32 s0, 0');
    expect(body.at(-1)!.text).toBe('s_branch BB2');
  });

  test('says how often a loop of constants runs', () => {
    const loop = (start: string, limit: string, step: string) =>
      readProgram(
        `BB0:\n\ts_mov_b32 s4, ${start}\nBB1:\n\ts_cmp_ge_u32 s4, ${limit}\n\ts_cbranch_scc1 BB3\nBB2:\n\t${step}\n\ts_branch BB1\nBB3:\n`,
      ).loops[0]!.trips;
    expect(loop('0', '0x10', 's_add_u32 s4, s4, 1')).toBe(16);
    expect(loop('4', '18', 's_addk_i32 s4, 0x4')).toBe(4);
    expect(loop('0', '0x1000000', 's_add_u32 s4, s4, 1')).toBeNull();
    expect(loop('0', 's9', 's_add_u32 s4, s4, 1')).toBeNull();
    expect(loop('0', '16', 's_add_u32 s5, s5, 1')).toBeNull();
    expect(loop('s7', '16', 's_add_u32 s4, s4, 1')).toBeNull();
  });

  test('comes with statistics, whose names are checked', () => {
    const text = fixture('matmul_register.stats');
    expect(readStatistics(text)).toEqual({
      ...{ subgroup: 64, vgprs: 60, sgprs: 48, spilledVgprs: 0, spilledSgprs: 0 },
      ...{ scratchBytes: 0, ldsBytes: 0, waves: 24 },
    });
    expect(() => readStatistics(text.replace('Spilled VGPRs', 'VGPR spills'))).toThrow(/"Spilled VGPRs"/);
  });

  test('comes with SPIR-V that says the workgroup', () => {
    expect(workgroupSize(spirv(16, 4, 2))).toBe(128);
    expect(() => workgroupSize(spirv())).toThrow(RangeError);
    expect(() => workgroupSize(new Uint8Array(64))).toThrow(/no SPIR-V/);
  });
});

describe('an instruction', () => {
  test('takes passes of the SIMD, or one where two are issued together', () => {
    const add = 'v_add_f32_e32 v0, v1, v2';
    expect([navi31, navi21, vega20].map((simd) => clocks(add, simd).valu)).toEqual([1, 2, 4]);
    expect(clocks('v_add_nc_u32_e32 v0, v1, v2').valu).toBe(2);
    expect(clocks('v_fma_f32 v0, s1, v2, v3').valu).toBe(1);
    expect(clocks('v_fma_f32 v0, s1, s2, v3').valu).toBe(2);
    expect(clocks('v_fma_f32 v0, s1, v2, s1').valu).toBe(1);
    expect(clocks('v_add_f32_dpp v0, v1, v2 quad_perm:[1,0,3,2]').valu).toBe(2);
    expect(clocks('v_mul_lo_u32 v0, v1, v2').valu).toBe(8);
    expect(clocks('v_readlane_b32 s1, v0, 3').valu).toBe(1);
  });

  test('takes one pass where the other half of the wave is empty', () => {
    expect(clocks('v_add_nc_u32_e32 v0, v1, v2', navi31, { size: 64, active: 32 }).valu).toBe(1);
    expect(clocks('v_add_nc_u32_e32 v0, v1, v2', navi31, { size: 32, active: 32 }).valu).toBe(1);
  });

  test('may keep the unit for exponentials busy beside', () => {
    const exp = 'v_exp_f32_e32 v0, v1';
    expect(clocks(exp)).toEqual({ valu: 2, transcendental: 8 });
    expect(clocks(exp, vega20)).toEqual({ valu: 16 });
  });

  test('moves as much as its name says, in the names of each generation', () => {
    const bytes = (text: string) => costOf(instruction(text), navi31, FULL).bytes;
    expect(bytes('buffer_load_b128 v[0:3], v4, s[0:3], 0 offen')).toBe(16);
    expect(bytes('buffer_load_dwordx4 v[0:3], v4, s[0:3], 0 offen')).toBe(16);
    expect(bytes('global_store_dword v0, v1, off')).toBe(4);
    expect(bytes('buffer_load_u16 v0, v4, s[0:3], 0 offen')).toBe(2);
    expect(bytes('buffer_load_ubyte v0, v4, s[0:3], 0 offen')).toBe(1);
    expect(bytes('buffer_load_d16_b16 v0, v4, s[0:3], 0 offen')).toBe(2);
    expect(bytes('ds_load_2addr_b64 v[0:3], v4 offset1:1')).toBe(16);
    expect(bytes('ds_bpermute_b32 v0, v1, v2')).toBe(4);
    expect(clocks('ds_load_b128 v[0:3], v4')).toEqual({ lds: 16 });
    expect(clocks('ds_read_b128 v[0:3], v4', vega20)).toEqual({ lds: 32 });
  });

  test('makes the multiply-adds of its parts, but none that only converts', () => {
    expect(fma('v_dual_fmac_f32 v0, v1, v2 :: v_dual_fmac_f32 v3, v4, v5')).toBe(2);
    expect(fma('v_dual_mul_f32 v0, v1, v2 :: v_dual_fmac_f32 v3, v4, v5')).toBe(1);
    expect(fma('v_pk_fma_f16 v0, v1, v2, v3')).toBe(2);
    expect(fma('v_dot4_i32_iu8 v0, v1, v2, v0 neg_lo:[1,1,0]')).toBe(4);
    expect(fma('v_fma_mix_f32 v0, v1, v2, v0 op_sel_hi:[1,1,0]')).toBe(1);
    expect(fma('v_fma_mix_f32 v0, v1, 1.0, -0 op_sel_hi:[1,0,0]')).toBe(0);
    expect(fma('v_mac_f32_e32 v0, v1, v2')).toBe(1);
    expect(fma('v_mul_f32_e32 v0, v1, v2')).toBe(0);
  });
});

describe('the hot loop', () => {
  test('is the one with the multiply-adds, whose share of the peak is bound by its busiest port', () => {
    const loop = hotLoop(readProgram(fixture('matmul_register.asm')), navi31, FULL);
    expect(loop).toMatchObject({ label: 'BB1', fma: 128, fmaInstructions: 128, vmemBytes: 64, ldsBytes: 0 });
    expect(loop.counts).toMatchObject({ valu: 132, vmem: 4, lds: 0, smem: 10 });
    expect(loop.others).toEqual([['v_add_lshl_u32', 4]]);
    // 128 of one pass, 4 of two; 4 x 16 bytes of 64 lanes at 64 bytes a clock.
    expect(loop.clocks).toMatchObject({ valu: 136, vmem: 64, transcendental: 0 });
    expect(boundOf(loop, navi31, FULL)).toEqual({ unit: 'FMA', port: 'valu', share: 128 / 136 });
    expect(
      boundOf(
        hotLoop(readProgram(fixture('matmul_register.asm')), navi31, { size: 64, active: 16 }),
        navi31,
        { size: 64, active: 16 },
      ),
    ).toEqual({ unit: 'FMA', port: 'valu', share: (128 * 16) / (64 * 132) });
  });

  test('counts a loop inside as often as it runs, and the others once', () => {
    const inner = (limit: string) => `BB0:
\ts_mov_b32 s1, 0
BB1:
\tv_fma_f32 v0, v1, v2, v0
\ts_mov_b32 s4, 0
BB2:
\ts_cmp_ge_u32 s4, ${limit}
\ts_cbranch_scc1 BB4
BB3:
\tds_load_b128 v[4:7], v8
\ts_add_u32 s4, s4, 1
\ts_branch BB2
BB4:
\ts_cbranch_scc0 BB1
`;
    const bytes = (limit: string) => hotLoop(readProgram(inner(limit)), navi31, FULL).ldsBytes;
    expect(bytes('8')).toBe(128);
    expect(bytes('s9')).toBe(16);
  });

  test('is the whole program where there is no loop', () => {
    const loop = hotLoop(readProgram('BB0:\n\tv_fma_f32 v0, v1, v2, v0\n\ts_endpgm\n'), navi31, FULL);
    expect(loop).toMatchObject({ label: null, fma: 1 });
  });

  test('of matrix products is measured against the matrix units', () => {
    const text =
      'BB0:\n\tv_wmma_f32_16x16x16_f16 v[0:3], v[4:11], v[12:19], v[0:3]\n\tv_mul_lo_u32 v0, v1, v2\n\ts_cbranch_scc0 BB0\n';
    const loop = hotLoop(readProgram(text), navi31, FULL);
    expect(boundOf(loop, navi31, FULL)).toEqual({ unit: 'WMMA', port: 'valu', share: 32 / 40 });
  });
});

describe('a row', () => {
  const matmul = rowOf(
    'navi31',
    'gpt2 fp32',
    kernel('matmul_register', { flops: 1, dispatches: 12 }),
    outcome('matmul_register', 64),
  );
  const reduce = rowOf(
    'navi31',
    'gpt2 fp32',
    kernel('reduce_partials', { bytes: 3 * 2 ** 20 }),
    outcome('reduce_partials', 64),
  );

  test('of arithmetic has its bound, and one of memory its bytes', () => {
    expect(matmul).toMatchObject({ computes: true, unit: 'FMA', bound: 128 / 136, workgroup: 64, vgprs: 60 });
    expect(reduce).toMatchObject({ computes: false, fmaShare: 0 });
    expect(reportTables([matmul, reduce])).toBe(`### navi31, gpt2 fp32

| kernel | dispatches | VGPRs | SGPRs | spilled | waves a SIMD | shared memory | FMA share | bound | limited by |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| matmul_register | 12 | 60 | 48 | 0 | 24 | 0 | 94 % | 94 % | 128 FMA, 4 v_add_lshl_u32 |
| reduce_partials | 1 | 12 | 12 | 0 | 32 | 0 | 0 % | memory | memory: 3.0 MiB bound a step, 16 B an access |`);
  });

  test('of a workgroup that leaves lanes empty says so', () => {
    const narrow = rowOf(
      'navi31',
      'gpt2 fp32',
      kernel('matmul_register', { flops: 1 }),
      outcome('matmul_register', 16),
    );
    expect(narrow).toMatchObject({
      bound: (128 * 16) / (64 * 132),
      limitedBy: '128 FMA, 4 v_add_lshl_u32; 16 of 64 lanes',
    });
  });

  test('of another trainer is listed where it computes', () => {
    const peer = { flops: null, bytes: null, dispatches: 3 };
    const rows = ['matmul_register', 'reduce_partials'].map((name) =>
      rowOf('navi31', 'jax-js', kernel(name, peer), outcome(name, 64)),
    );
    expect(rows).toMatchObject([{ computes: true }, { computes: false }]);
    const text = reportTables(rows);
    expect(text).toContain('| matmul_register | 3 | 60 |');
    expect(text).toContain('Not listed: 1 kernels that move memory and spill nothing.');
    expect(text).not.toContain('reduce_partials');
  });

  test('of what does not compile has the reason', () => {
    const row = rowOf('navi31', 'WGSL', kernel('x', { dispatches: null, flops: null }), {
      failure: 'no such function\nat 1',
    });
    expect(reportTables([row])).toContain('| does not compile: no such function |');
  });

  test('is named by what tells it from others', () => {
    const row = (...traits: string[]): Row => ({ ...matmul, traits });
    const rows = [row('bias', 'LANES=64', 'a=f32', 'bias=f32'), row('LANES=64', 'a=f16')];
    expect([...namesOf(rows).values()]).toEqual(['matmul_register bias a=f32', 'matmul_register a=f16']);
  });

  test('is compared with the best of an earlier report that did the same', () => {
    const about = { compiler: 'Mesa 25', commit: 'abc', date: '2026-11-30' };
    const traits = ['bTransposed', 'a=f32'];
    const slow = { ...matmul, traits: [...traits, 'LANES=32', 'subgroups'], bound: 32 / 136 };
    const spilling = { ...matmul, traits, vgprs: 256, spilledVgprs: 17, bound: 64 / 136 };
    const now = { ...matmul, kernel: 'matmul_tiled', traits: [...traits, 'TILE_M=128'] };
    const text = comparisonTables({ ...about, rows: [slow, spilling, reduce] }, { ...about, rows: [now] });
    expect(text).toContain('| matmul | 256 → 60 | **17 VGPRs** → 0 | 24 | 94 % | 47 % → 94 % | 2.00 times |');
    expect(text).toContain('| reduce_partials | 12 → - | 0 → - |');
    expect(text.match(/^### /gm)).toHaveLength(1);
  });
});

describe('a budget', () => {
  const budget = (layout?: 'NN' | 'NT' | 'TN'): Budget => ({
    ...{ title: 'matmul', kernels: /^matmul/, least: {}, goal: 85 },
    ...(layout && { layout }),
  });
  const row = (targets: string[], traits: string[], bound: number, flops: number): Row => ({
    ...(rowOf(
      'navi31',
      'gpt2 fp32',
      kernel('matmul_register'),
      outcome('matmul_register', 64),
    ) as CompiledRow),
    ...{ targets, traits, bound, flops },
  });

  test('is about the best target, and of that about its worst kernel that matters', () => {
    const rows = [
      ...[row(['a'], [], 0.9, 50), row(['a'], ['bTransposed'], 0.4, 50), row(['a'], [], 0.1, 1)],
      ...[row(['b'], [], 0.6, 50), row(['b', 'c'], ['bTransposed'], 0.7, 50)],
    ];
    expect(boundFor(budget(), rows)).toBe(70);
    expect(boundFor(budget('NN'), rows)).toBe(90);
    expect(boundFor(budget('NT'), rows)).toBe(70);
    expect(boundFor(budget('TN'), rows)).toBeNull();
  });

  test('holds at every size of subgroups', () => {
    const rows = [
      row(['matmul=tiled,subgroups=off'], [], 0.9, 50),
      ...[
        row(['matmul=tiled,subgroups=32'], [], 0.4, 50),
        row(['matmul=register16,subgroups=32'], [], 0.5, 50),
      ],
    ];
    expect(boundFor(budget(), rows)).toBe(50);
  });

  test('takes the best tile of a kernel, or each', () => {
    const rows = [
      ...[row(['a'], ['TILE=128', 'a=f32'], 0.9, 50), row(['a'], ['TILE=128', 'a=f16'], 0.8, 50)],
      row(['a'], ['TILE=64', 'a=f32'], 0.4, 50),
    ];
    expect(boundFor(budget(), rows)).toBe(80);
    expect(boundFor({ ...budget(), everyTile: true }, rows)).toBe(40);
  });
});

describe('what is missing is named, with the fix', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'gpu-report-test-'));
    mkdirSync(join(root, 'bench', 'gpu-report'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const environment = () => nullDeviceEnv(root, 'navi31', join(root, 'listings'), root);

  test('RADV', () => {
    expect(environment).toThrow(`there is no radeon_icd*.json in ${root}`);
    expect(environment).toThrow(expect.objectContaining({ hint: expect.stringMatching(/setup\.mjs/) }));
  });

  test('what the layer is built with', () => {
    writeFileSync(join(root, 'radeon_icd.x86_64.json'), '{}');
    writeFileSync(join(root, 'bench', 'gpu-report', 'null_gpu_layer.c'), '#include <no/such/header.h>\n');
    expect(environment).toThrow(/layer of the report could not be compiled with gcc: .*/s);
    expect(environment).toThrow(expect.objectContaining({ hint: expect.stringMatching(/libvulkan-dev/) }));
  });
});

describe('options', () => {
  test('name families, modes and targets, and refuse what there is not', () => {
    expect(readOptions([])).toMatchObject({ families: ['navi31'], title: 'gpt2', wgsl: [] });
    expect(readOptions(['--head-size', '32', '--qk-norm', '--precision', 'fp32,fp16'])).toMatchObject({
      title: 'gpt2 --head-size 32 --qk-norm',
      config: { headSize: 32, qkNorm: true, width: 768 },
      precisions: ['fp32', 'fp16'],
    });
    expect(() => readOptions(['--wgsl', 'a.wgsl', '--qk-norm'])).toThrow(/--wgsl compiles files/);
    expect(readOptions(['--family', 'vega20,navi21'])?.families).toEqual(['vega20', 'navi21']);
    expect(readOptions(['--help'])).toBeNull();
    expect(() => readOptions(['--family', 'navi3'])).toThrow('--family has "navi3"');
    expect(() => readOptions(['--kernels', 'tiled'])).toThrow('--kernels has "tiled"');
    expect(() => readOptions(['--wgsl', 'a.wgsl', '--preset', 'gpt2'])).toThrow(/--wgsl compiles files/);
    expect(FAMILIES.every((family) => family in SIMDS)).toBe(true);
  });

  test('choose among the targets of an adapter', () => {
    const adapter: AdapterReport = {
      ...{ name: 'amd rdna-3', vendor: 'amd', architecture: 'rdna-3', description: '', isFallback: false },
      ...{ features: ['shader-f16', 'subgroups'], subgroupSize: { min: 32, max: 64 }, half: 'native' },
      ...{ subgroup: { size: 32, asked: true, note: null }, matrixConfigs: [], limits: {} },
    };
    const targets = candidateTargets(adapter, 'auto');
    const tiled = filtered(targets, new Map([['matmul', 'tiled']]));
    expect(tiled.length).toBeGreaterThan(0);
    expect(tiled.every(({ matmul }) => matmul === 'tiled')).toBe(true);
    expect(filtered(targets, new Map())).toEqual(targets);
    expect(() => filtered(targets, new Map([['matmul', 'none']]))).toThrow(/No target/);
  });

  test('take every entry point of a file', () => {
    const code =
      '@compute @workgroup_size(64) fn one() {}\n@compute\n@workgroup_size(8, 8)\nfn two(@builtin(local_invocation_index) i: u32) {}';
    expect(kernelsOfCode('file', code).map(({ kernel: name }) => name)).toEqual(['file:one', 'file:two']);
    expect(kernelsOfCode('file', 'fn helper() {}')).toEqual([]);
  });
});
