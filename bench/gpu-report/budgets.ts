/**
 * What the kernels of a step may not fall below, by the compiler and the model of the report: the one place for these numbers.
 * test/gpu/report/budgets.test.ts checks them. Raise a budget when a kernel is better; its goal is what is aimed at.
 */
import type { PresetName } from '../../src/engine/index.ts';
import type { Family } from './families.ts';
import { type CompiledRow, isCompiled, type Row } from './rows.ts';

/** The compiler that the numbers are from. Another may spill elsewhere. */
export const BUDGET_MESA = 'Mesa 25.0.7';
export const BUDGET_FAMILY: Family = 'navi31';
export const BUDGET_PRESETS: readonly PresetName[] = ['gpt2', 'gpt2-163m'];
export const BUDGET_PRECISIONS = ['fp32', 'fp16'] as const;
export type BudgetPrecision = (typeof BUDGET_PRECISIONS)[number];

export interface Budget {
  readonly title: string;
  readonly kernels: RegExp;
  /** Of a matmul: whether a and b are read transposed. */
  readonly layout?: 'NN' | 'NT' | 'TN';
  /** Whether it is about each tile, and not about the best alone, which large results take. */
  readonly everyTile?: true;
  /** Least bound in percent of the peak by precision; absent where the kernel does not run. */
  readonly least: Partial<Record<BudgetPrecision, number>>;
  readonly goal: number;
}

const MATMUL = /^matmul_tiled/;
const MATRIX = /^matmul_matrix/;

export const BUDGETS: readonly Budget[] = [
  {
    title: 'attention forward',
    kernels: /^attention_(uniform_)?forward/,
    least: { fp32: 83, fp16: 86 },
    goal: 75,
  },
  {
    title: 'attention backward, query',
    kernels: /^attention_(uniform_)?backward_query/,
    least: { fp32: 88, fp16: 92 },
    goal: 70,
  },
  {
    title: 'attention backward, key and value',
    kernels: /^attention_(uniform_)?backward_(key|value)/,
    least: { fp32: 88, fp16: 92 },
    goal: 70,
  },
  { title: 'tiled matmul NN, large', kernels: MATMUL, layout: 'NN', least: { fp32: 85, fp16: 85 }, goal: 85 },
  { title: 'tiled matmul NT, large', kernels: MATMUL, layout: 'NT', least: { fp32: 85, fp16: 85 }, goal: 85 },
  { title: 'tiled matmul TN, large', kernels: MATMUL, layout: 'TN', least: { fp32: 85, fp16: 85 }, goal: 85 },
  {
    title: 'tiled matmul, every tile',
    kernels: MATMUL,
    everyTile: true,
    least: { fp32: 60, fp16: 60 },
    goal: 60,
  },
  { title: 'matrix units NN', kernels: MATRIX, layout: 'NN', least: { fp16: 83 }, goal: 70 },
  { title: 'matrix units NT', kernels: MATRIX, layout: 'NT', least: { fp16: 85 }, goal: 70 },
  { title: 'matrix units TN', kernels: MATRIX, layout: 'TN', least: { fp16: 79 }, goal: 70 },
];

/** Kernels that spill, with the registers that they may: the goal is that there is none. */
export const SPILLS: Readonly<Record<string, number>> = {};

/** A kernel with less of a target's operations does not decide how long the step takes. */
const MATTERS_FROM = 0.02;

/**
 * The bound that a budget is about, in percent: of a target the least of the kernels that matter, where a kernel counts by its
 * best tile; of the targets the best, since a run takes what is fastest; and of the sizes of subgroups the worst, since those
 * are the adapter's and no choice. Null where no target dispatches such a kernel.
 */
export function boundFor(budget: Budget, rows: readonly Row[]): number | null {
  const compiled = rows.filter(isCompiled);
  const bounds = grouped(targetsIn(compiled), subgroupsOf).flatMap((targets) => {
    const own = targets
      .map((target) => rowsMeant(budget, target, compiled))
      .filter((meant) => meant.length > 0)
      .map((meant) => boundOfTarget(meant, budget.everyTile ? Math.min : Math.max));
    return own.length > 0 ? [Math.max(...own)] : [];
  });
  return bounds.length > 0 ? 100 * Math.min(...bounds) : null;
}

/** Of a target's name. */
function subgroupsOf(target: string): string {
  return /subgroups=(\w+)/.exec(target)?.[1] ?? '';
}

function rowsMeant({ kernels, layout }: Budget, target: string, rows: readonly CompiledRow[]): CompiledRow[] {
  const own = rows.filter(({ targets }) => targets.includes(target));
  const all = own.reduce((sum, { flops }) => sum + (flops ?? 0), 0);
  return own.filter(
    (row) =>
      kernels.test(row.kernel) &&
      (row.flops ?? 0) >= MATTERS_FROM * all &&
      (layout === undefined || layoutOf(row) === layout),
  );
}

function boundOfTarget(rows: readonly CompiledRow[], amongTiles: (...bounds: number[]) => number): number {
  const kernels = grouped(rows, ({ kernel }) => kernel).map((one) => {
    const tiles = grouped(one, tileOf).map((variants) => Math.min(...variants.map(({ bound }) => bound)));
    return amongTiles(...tiles);
  });
  return Math.min(...kernels);
}

/** Constants, without what stands for formats: equal for variants of one tile and layout. */
function tileOf({ traits }: CompiledRow): string {
  return traits.filter((trait) => /=\d+$/.test(trait)).join(' ');
}

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): T[][] {
  const keys = [...new Set(all.map(keyOf))];
  return keys.map((key) => all.filter((one) => keyOf(one) === key));
}

function targetsIn(rows: readonly CompiledRow[]): string[] {
  return [...new Set(rows.flatMap(({ targets }) => targets))];
}

function layoutOf({ traits }: CompiledRow): string {
  return ['aTransposed', 'bTransposed'].map((trait) => (traits.includes(trait) ? 'T' : 'N')).join('');
}

/** Registers that a kernel keeps in memory, of both kinds. */
export function spilledBy({ spilledVgprs, spilledSgprs }: CompiledRow): number {
  return spilledVgprs + spilledSgprs;
}
