/**
 * What an instruction costs on the ports of a SIMD, and how many multiply-adds it makes. Classes and costs are those by which
 * Mesa's compiler estimates itself; bandwidths are those of families.ts.
 */
import type { Simd } from './families.ts';
import type { Instruction } from './listing.ts';

/** Where instructions of several waves are issued side by side. */
export const PORTS = ['valu', 'transcendental', 'lds', 'vmem', 'salu'] as const;
export type Port = (typeof PORTS)[number];

/** The waves that run a program. */
export interface Waves {
  /** Lanes of a wave. */
  readonly size: number;
  /** Lanes of it that have an invocation: fewer where the workgroup is smaller. */
  readonly active: number;
}

export interface Cost {
  /** Clocks by port. */
  readonly clocks: Partial<Record<Port, number>>;
  /** Multiply-adds a lane. */
  readonly fma: number;
  /** Of them on matrix units, in clocks at their peak. */
  readonly matrixClocks: number;
  /** What a lane moves. */
  readonly bytes: number;
  readonly kind: 'valu' | 'lds' | 'vmem' | 'smem' | 'salu' | 'other';
}

const FREE: Cost = { clocks: {}, fma: 0, matrixClocks: 0, bytes: 0, kind: 'other' };

const TRANSCENDENTAL = /^v_(exp|log|rcp|rsq|sqrt|sin|cos)_/;
const QUARTER_RATE = /^v_(mul_lo_u32|mul_lo_i32|mul_hi_[iu]32|mad_[iu]64|mul_lo_i32)/;
const ONE_LANE = /^v_(readlane|writelane|readfirstlane)_/;
const DOUBLE_WIDTH = /^v_\w+_[bui]64$/;
/** Of these, waves of 64 take one pass where a SIMD issues two at once. */
const DUAL =
  /^v_((fma|fmac|fmaak|fmamk|mul|add|sub|subrev|max|min)_f(16|32)|(mov|cndmask)_b(16|32)|(add|sub|mul_lo|mad|max|min)_[iu]16|(not|and|or|xor|lshlrev|lshrrev)_b16|dot2c?_\w+|fma_mix(lo|hi)?_f(16|32))$/;
const FMA = /^v_(dual_)?(fma|fmac|fmaak|fmamk|mac|mad)(_dx9|_legacy)?_f(16|32)/;

export function costOf(instruction: Instruction, simd: Simd, waves: Waves): Cost {
  const { name } = instruction;
  if (name.startsWith('v_')) return vectorCost(instruction, simd, waves);
  if (name.startsWith('ds_')) {
    const bytes = sharedBytes(name);
    return { ...FREE, kind: 'lds', bytes, clocks: { lds: (bytes * waves.active) / simd.ldsBytes } };
  }
  if (/^(buffer|global|flat|scratch)_(load|store|atomic)/.test(name)) {
    const bytes = memoryBytes(name);
    return { ...FREE, kind: 'vmem', bytes, clocks: { vmem: (bytes * waves.active) / simd.cacheBytes } };
  }
  if (/^s_(buffer_)?load/.test(name)) return { ...FREE, kind: 'smem' };
  if (/^s_(wait|delay_alu|nop|clause|barrier|endpgm|code_end|sendmsg|set_inst_prefetch)/.test(name))
    return FREE;
  if (name.startsWith('s_')) return { ...FREE, kind: 'salu', clocks: { salu: simd.scalarClocks } };
  return FREE;
}

function vectorCost({ text, name }: Instruction, simd: Simd, { size, active }: Waves): Cost {
  if (name.startsWith('v_wmma')) {
    const clocks = simd.matrixCycles;
    return { ...FREE, kind: 'valu', matrixClocks: clocks, clocks: { valu: clocks } };
  }
  const fma = text.split('::').reduce((sum, part) => sum + multiplyAdds(part.trim()), 0);
  const passes = Math.ceil(Math.min(size, active) / simd.lanes);
  const all = { ...FREE, kind: 'valu', fma } as const;
  if (ONE_LANE.test(name))
    return { ...all, clocks: { valu: simd.dualIssue || size === 32 ? 1 : Math.min(passes, 4) } };
  if (TRANSCENDENTAL.test(name)) {
    return simd.transcendentalBeside
      ? { ...all, clocks: { valu: passes, transcendental: 4 * passes } }
      : { ...all, clocks: { valu: 4 * passes } };
  }
  if (QUARTER_RATE.test(name)) return { ...all, clocks: { valu: 4 * passes } };
  if (DOUBLE_WIDTH.test(name)) return { ...all, clocks: { valu: 2 * passes } };
  const dual = simd.dualIssue && passes === 2 && isDual(name, text);
  return { ...all, clocks: { valu: dual ? 1 : passes } };
}

/** An instruction that reads two scalar registers is issued alone, and so is one that reads other lanes (`_dpp`). */
function isDual(name: string, text: string): boolean {
  if (!DUAL.test(name)) return false;
  const [, ...read] = text.replace(/^\S+\s+/, '').split(', ');
  const scalars = new Set(read.map((operand) => /\bs\d+\b/.exec(operand)?.[0]).filter(Boolean));
  return scalars.size < 2;
}

/** A lane's. A mixed one by 1 only converts. */
function multiplyAdds(text: string): number {
  const name = text.split(/\s/)[0]!;
  if (/^v_fma_mix/.test(name)) return /, -?1\.0\b/.test(text) ? 0 : 1;
  if (/^v_(pk_fma|dot2|dual_dot2)/.test(name)) return 2;
  if (/^v_dot4/.test(name)) return 4;
  return FMA.test(name) ? 1 : 0;
}

function sharedBytes(name: string): number {
  if (/permute|swizzle/.test(name)) return 4;
  const count = /2addr|read2|write2/.test(name) ? 2 : 1;
  return (count * bits(name, /_[bui](\d+)/, 32)) / 8;
}

/** Both namings: `_b128` since RDNA 3, `_dwordx4` before. */
function memoryBytes(name: string): number {
  const words = /_dword(?:x(\d))?/.exec(name);
  if (words) return 4 * Number(words[1] ?? 1);
  if (/_[us]?byte/.test(name)) return 1;
  if (/_[us]?short/.test(name)) return 2;
  return bits(name, /_[buif](\d+)/, 32) / 8;
}

function bits(name: string, pattern: RegExp, otherwise: number): number {
  return Number(pattern.exec(name)?.[1] ?? otherwise);
}
