/** What a step is made of: flat lists of operations, plain data until `Program` compiles them. */
import { type HalfStorage, type Prelude, preludeOf } from '../precision/formats.ts';
import type { MatrixShape } from './subgroupMatrix.ts';
import { formatOf, groupsOf, type Operand, type Tensor } from './tensor.ts';

/** One assembled form of a `.wgsl` file. Equal variants share a pipeline. */
export interface Variant {
  /** File of `shaders/` without its ending, and the entry point in it. */
  readonly kernel: string;
  /** Operand slot to storage prelude: `import <slot>_format::...` */
  readonly slots: Readonly<Record<string, Prelude>>;
  readonly conditions: Readonly<Record<string, boolean>>;
  readonly constants: Readonly<Record<string, number>>;
}

/** A field of a kernel's uniform struct, in order. */
export type Param = { readonly u32: number } | { readonly f32: number };

export interface Dispatch {
  readonly kind: 'dispatch';
  readonly variant: Variant;
  /** Binding name in the kernel to what it reads or writes. */
  readonly bindings: Readonly<Record<string, Operand>>;
  readonly params: readonly Param[];
  readonly grid: readonly [number, number, number];
  /** What the dispatch makes, in words a user knows: names the tensor when it overflows. */
  readonly label: string;
  /** Floating-point operations, where they decide how long the dispatch takes. */
  readonly flops?: number;
  /** Only looks at what others stored: overflows nothing, and so has no site number. */
  readonly observes?: true;
}

export interface Copy {
  readonly kind: 'copy';
  readonly from: Operand;
  readonly to: Operand;
}

export interface Clear {
  readonly kind: 'clear';
  readonly target: Operand;
}

export type Operation = Dispatch | Copy | Clear;

/** What kernels need to know about the adapter and the run. */
export interface Target {
  readonly half: HalfStorage;
  readonly subgroups: boolean;
  /** Lanes of a row kernel's workgroup: the adapter's smallest subgroup, or 64 without subgroups. */
  readonly lanes: number;
  readonly matmul: MatmulKernel;
  /** Shapes of matrices that the adapter multiplies at once, proven on it; empty on most. Where one fits, it goes before `matmul`. */
  readonly matrixShapes: readonly MatrixShape[];
  /** Long sums with few results are cut into parts, to give a GPU enough to do. */
  readonly splitSums: boolean;
}

/** A register tile of so many rows a lane, or a tile in shared memory. */
export const MATMUL_KERNELS = ['register8', 'register16', 'register32', 'tiled'] as const;
export type MatmulKernel = (typeof MATMUL_KERNELS)[number];

/** Placeholder for the site number of a dispatch; `Program` replaces it by the dispatch's index. */
export const SITE: Param = { u32: 0xfffffff0 };

export function u32(value: number): Param {
  return { u32: value };
}

export function f32(value: number): Param {
  return { f32: value };
}

/** Groups of `width` over `count` items on WebGPU's two-dimensional grid; `linearGroup` in shaders/lib/grid.wgsl undoes it. */
export function linearGrid(count: number, width: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(count / width));
  return [Math.min(groups, 65535), Math.ceil(groups / 65535), 1];
}

export function slotsOf(target: Target, operands: Record<string, Operand>): Record<string, Prelude> {
  return Object.fromEntries(
    Object.entries(operands).map(([slot, operand]) => [slot, preludeOf(formatOf(operand), target.half)]),
  );
}

/** What a kernel is told of an operand that may be stored in groups, the only one of it. */
export function groupedBy(operand: Operand | undefined): {
  readonly conditions: { readonly grouped: boolean };
  readonly bindings: { readonly groupScales?: Tensor };
} {
  const groups = operand && groupsOf(operand);
  return { conditions: { grouped: groups !== undefined }, bindings: groups ? { groupScales: groups } : {} };
}

/** A stable name: kernel, slots, conditions, constants. */
export function variantKey(variant: Variant): string {
  const list = (record: Readonly<Record<string, unknown>>): string =>
    Object.keys(record)
      .filter((key) => record[key] !== false)
      .sort()
      .map((key) => (record[key] === true ? key : `${key}=${record[key]}`))
      .join(' ');
  return [variant.kernel, list(variant.slots), list(variant.conditions), list(variant.constants)]
    .filter((part) => part !== '')
    .join(' | ');
}

/** All tensors that operations touch. */
export function tensorsOf(operations: readonly Operation[]): Set<Tensor> {
  const tensors = new Set<Tensor>();
  const add = (operand: Operand): void => {
    tensors.add('tensor' in operand ? operand.tensor : operand);
  };
  for (const operation of operations) {
    if (operation.kind === 'dispatch') Object.values(operation.bindings).forEach(add);
    else if (operation.kind === 'copy') [operation.from, operation.to].forEach(add);
    else add(operation.target);
  }
  return tensors;
}
