/** A row of the report: what the compiler made of one kernel, and what the model says about it. */
import type { Outcome } from './compiler.ts';
import { type Family, SIMDS } from './families.ts';
import { boundOf, type HotLoop, hotLoop } from './hotLoop.ts';
import type { Port, Waves } from './instructions.ts';
import { readProgram, readStatistics, type Statistics, workgroupSize } from './listing.ts';

/** A kernel to compile, from a step or from a file. */
export interface Kernel {
  /** Equal for equal WGSL: rows of two reports with one key are compared. */
  readonly key: string;
  readonly kernel: string;
  /** What its name leaves open: layout, formats, constants. */
  readonly traits: readonly string[];
  readonly code: string;
  readonly entryPoint: string;
  /** Which targets of a run dispatch it, as targetName in targets.ts calls them; none where it is of no step. */
  readonly targets: readonly string[];
  /** Dispatches a step on the first of them; null where it is of no step. */
  readonly dispatches: number | null;
  /** Floating-point operations of those: 0 where they do not decide how long it takes, null where they are not known. */
  readonly flops: number | null;
  /** Bytes that those bind, each operand of a dispatch once; null where they are not known. */
  readonly bytes: number | null;
}

interface Identity extends Omit<Kernel, 'code' | 'entryPoint'> {
  readonly family: Family;
  /** The precision mode, or where the WGSL comes from. */
  readonly group: string;
}

export interface CompiledRow extends Identity, Statistics {
  readonly workgroup: number;
  readonly hot: Omit<HotLoop, 'others'>;
  /** Multiply-adds among vector instructions, accesses of shared memory and of memory in the hot loop, from 0 to 1. */
  readonly fmaShare: number;
  /** Whether arithmetic decides how long it takes; memory does where it does not. */
  readonly computes: boolean;
  /** Of the hot loop, as a share of the peak of FMAs or of matrix units. */
  readonly bound: number;
  readonly unit: 'FMA' | 'WMMA';
  readonly limitedBy: string;
}

export type Row = CompiledRow | (Identity & { readonly failure: string });

export function isCompiled(row: Row): row is CompiledRow {
  return !('failure' in row);
}

/** From this share of FMAs in its hot loop on, a kernel whose operations are not known is taken to be bound by arithmetic. */
const COMPUTES_FROM = 0.25;

export function rowOf(family: Family, group: string, kernel: Kernel, outcome: Outcome): Row {
  const { code: _, entryPoint: __, ...about } = kernel;
  const identity: Identity = { family, group, ...about };
  if ('failure' in outcome) return { ...identity, failure: outcome.failure };
  const { statistics: text, assembly, spirv } = outcome.listing;
  const statistics = readStatistics(text);
  const workgroup = workgroupSize(Buffer.from(spirv, 'base64'));
  const waves: Waves = { size: statistics.subgroup, active: Math.min(statistics.subgroup, workgroup) };
  const simd = SIMDS[family];
  const { others, ...hot } = hotLoop(readProgram(assembly), simd, waves);
  const { unit, share, port } = boundOf({ ...hot, others }, simd, waves);
  const issued = hot.counts.valu + hot.counts.lds + hot.counts.vmem;
  const fmaShare = issued > 0 ? (hot.fmaInstructions + hot.matrixInstructions) / issued : 0;
  return {
    ...identity,
    ...statistics,
    ...{ workgroup, hot, fmaShare, unit },
    computes: hot.matrixClocks > 0 || (kernel.flops === null ? fmaShare >= COMPUTES_FROM : kernel.flops > 0),
    bound: share,
    limitedBy: limits({ ...hot, others }, port, waves),
  };
}

const PORT_NAMES: Readonly<Record<Port, string>> = {
  valu: 'vector instructions',
  transcendental: 'exponentials',
  lds: 'shared memory',
  vmem: 'cache',
  salu: 'scalar instructions',
};

/** The busiest port, with what keeps it busy beside the arithmetic. */
function limits(hot: HotLoop, port: Port, { size, active }: Waves): string {
  const parts: string[] = [];
  if (port === 'valu') {
    const others = hot.others.slice(0, 2).map(([name, count]) => `${count} ${name}`);
    const arithmetic =
      hot.matrixInstructions > 0 ? `${hot.matrixInstructions} WMMA` : `${hot.fmaInstructions} FMA`;
    parts.push([arithmetic, ...others].join(', '));
  } else if (port === 'lds' || port === 'vmem') {
    const bytes = port === 'lds' ? hot.ldsBytes : hot.vmemBytes;
    parts.push(
      `${PORT_NAMES[port]}: ${bytes} B for ${hot.matrixInstructions || hot.fma} ${hot.matrixInstructions ? 'WMMA' : 'FMA'}`,
    );
  } else parts.push(PORT_NAMES[port]);
  if (active < size) parts.push(`${active} of ${size} lanes`);
  return parts.join('; ');
}
