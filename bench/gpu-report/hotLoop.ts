/**
 * Finds the loop in which a program does most of its work, counts the instructions that the loop issues, and computes from them
 * an upper bound on the share of the GPU's peak that the program can reach.
 */
import type { Simd } from './families.ts';
import { type Cost, costOf, PORTS, type Port, type Waves } from './instructions.ts';
import type { Loop, Program } from './listing.ts';

export interface HotLoop {
  /** Its label; null where the program has no loop, so that the whole program is counted. */
  readonly label: string | null;
  /** Instructions of each kind in one trip. */
  readonly counts: Readonly<Record<Cost['kind'], number>>;
  readonly fmaInstructions: number;
  readonly matrixInstructions: number;
  /** Multiply-adds of a lane, without those of matrix units. */
  readonly fma: number;
  /** Bytes that a lane moves to and from shared memory in one trip. */
  readonly ldsBytes: number;
  /** Bytes that a lane moves to and from the caches in one trip. */
  readonly vmemBytes: number;
  /** Clocks for which one trip of one wave keeps each port of a SIMD busy. */
  readonly clocks: Readonly<Record<Port, number>>;
  readonly matrixClocks: number;
  /** Vector instructions that are no multiply-add, with their number, the most costly first. */
  readonly others: readonly (readonly [name: string, count: number])[];
}

/**
 * The innermost loop with the most multiply-adds, or with the most memory traffic where none has any. Loops inside it count as
 * often as they run where that is a constant, else once; both sides of a branch count.
 */
export function hotLoop(program: Program, simd: Simd, waves: Waves): HotLoop {
  const costs = program.instructions.map((instruction) => costOf(instruction, simd, waves));
  const whole: Loop = { label: '', first: 0, end: costs.length, trips: 1 };
  const all = program.loops.map((loop) => measured(program, costs, loop));
  const work = ({ fma, matrixClocks, vmemBytes }: HotLoop): number[] => [matrixClocks, fma, vmemBytes];
  const hottest = all.reduce<HotLoop | null>(
    (best, loop) => (best === null || compare(work(loop), work(best)) >= 0 ? loop : best),
    null,
  );
  return hottest && work(hottest).some((amount) => amount > 0)
    ? hottest
    : { ...measured(program, costs, whole), label: null };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, i) => value !== b[i]);
  return index < 0 ? 0 : a[index]! - b[index]!;
}

function measured({ instructions, loops }: Program, costs: readonly Cost[], loop: Loop): HotLoop {
  const inside = loops.filter(({ first, end }) => first >= loop.first && end <= loop.end);
  const counts = { valu: 0, lds: 0, vmem: 0, smem: 0, salu: 0, other: 0 };
  const clocks = { valu: 0, transcendental: 0, lds: 0, vmem: 0, salu: 0 };
  const sums = {
    fma: 0,
    matrixClocks: 0,
    fmaInstructions: 0,
    matrixInstructions: 0,
    ldsBytes: 0,
    vmemBytes: 0,
  };
  const others = new Map<string, { count: number; clocks: number }>();
  for (let index = loop.first; index < loop.end; index++) {
    const cost = costs[index]!;
    const times = timesRun(inside, loop, index);
    counts[cost.kind] += times;
    for (const port of PORTS) clocks[port] += times * (cost.clocks[port] ?? 0);
    sums.fma += times * cost.fma;
    sums.matrixClocks += times * cost.matrixClocks;
    if (cost.fma > 0) sums.fmaInstructions += times;
    if (cost.matrixClocks > 0) sums.matrixInstructions += times;
    if (cost.kind === 'lds') sums.ldsBytes += times * cost.bytes;
    if (cost.kind === 'vmem') sums.vmemBytes += times * cost.bytes;
    if (cost.kind !== 'valu' || cost.fma > 0 || cost.matrixClocks > 0) continue;
    const { name } = instructions[index]!;
    const other = others.get(name) ?? { count: 0, clocks: 0 };
    others.set(name, { count: other.count + times, clocks: other.clocks + times * cost.clocks.valu! });
  }
  const costly = [...others].sort(([, a], [, b]) => b.clocks - a.clocks);
  return {
    ...{ label: loop.label, counts, clocks, ...sums },
    others: costly.map(([name, { count }]) => [name, count]),
  };
}

function timesRun(inside: readonly Loop[], loop: Loop, index: number): number {
  return inside
    .filter(({ label, first, end }) => label !== loop.label && first <= index && index < end)
    .reduce((times, { trips }) => times * (trips ?? 1), 1);
}

export interface Bound {
  /** The instructions whose peak `share` refers to. */
  readonly unit: 'FMA' | 'WMMA';
  /** At most, from 0 to 1. */
  readonly share: number;
  /** The port that is busy longest. */
  readonly port: Port;
}

/** Computes the bound from throughput alone: the busiest port is never idle, as with enough waves to hide every latency. */
export function boundOf(loop: HotLoop, simd: Simd, waves: Waves): Bound {
  const port = PORTS.reduce((busiest, next) => (loop.clocks[next] > loop.clocks[busiest] ? next : busiest));
  const clocks = Math.max(loop.clocks[port], Number.MIN_VALUE);
  return loop.matrixClocks > 0
    ? { unit: 'WMMA', share: loop.matrixClocks / clocks, port }
    : { unit: 'FMA', share: (loop.fma * waves.active) / (simd.peakFma * clocks), port };
}
