/** What a step is made of: flat lists of operations, plain data until `Program` compiles them. */
import type { HalfStorage, Prelude } from '../precision/formats.ts';
import type { MatrixShape } from './subgroupMatrix.ts';
import type { BlockScales, Operand, Tensor } from './tensor.ts';

/** How the operand of a slot is stored: in a format, and where its blocks have scales with their size and how they are stored. */
export type SlotStorage = Prelude | `${Prelude}/${number}:${BlockScales['as']}`;

/** One assembled form of a `.wgsl` file. Equal variants share a pipeline. */
export interface Variant {
  /** File of `shaders/` without its ending, and the entry point in it. */
  readonly kernel: string;
  /** By slot: the kernel calls `<slot>::load(i)`, and the operand is bound as the slot is called. */
  readonly slots: Readonly<Record<string, SlotStorage>>;
  /** Slot of a function to the file of `shaders/functions/` that has it: `import <slot>_function::...` */
  readonly functions?: Readonly<Record<string, string>>;
  readonly conditions: Readonly<Record<string, boolean>>;
  readonly constants: Readonly<Record<string, number>>;
}

/** Stands for the site number of a dispatch, which `Program` knows. */
export const SITE = 'site';

/** `dispatch` in dispatch.ts makes one. */
export interface Dispatch {
  readonly kind: 'dispatch';
  readonly variant: Variant;
  /** Binding name in the kernel to what it reads or writes. */
  readonly bindings: Readonly<Record<string, Operand>>;
  /** Names of the bindings that the kernel stores to, atomically or not; it only reads the others. */
  readonly writes: readonly string[];
  /** The fields of the kernel's uniform struct by name; their order and types are read from its WGSL. */
  readonly uniforms: Readonly<Record<string, number | typeof SITE>>;
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
  readonly attention: AttentionKernel;
  /** Shapes of matrices that the adapter multiplies at once, proven on it; empty on most. Where one fits, it goes before `matmul`. */
  readonly matrixShapes: readonly MatrixShape[];
  /** Long sums with few results are cut into parts, to give a GPU enough to do. */
  readonly splitSums: boolean;
}

/** A register tile of so many rows a lane, or a tile in shared memory. */
export const MATMUL_KERNELS = ['register8', 'register16', 'register32', 'tiled'] as const;
export type MatmulKernel = (typeof MATMUL_KERNELS)[number];

/** A key a trip, whose vectors lanes read for each other where there are subgroups; or several, read at addresses that are uniform over a workgroup. */
export const ATTENTION_KERNELS = ['register', 'uniform'] as const;
export type AttentionKernel = (typeof ATTENTION_KERNELS)[number];

/** Groups of `width` over `count` items on WebGPU's two-dimensional grid; `linearGroup` in shaders/lib/grid.wgsl undoes it. */
export function linearGrid(count: number, width: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(count / width));
  return [Math.min(groups, 65535), Math.ceil(groups / 65535), 1];
}

/** A number among the uniforms of a dispatch. @throws RangeError where it has none of that name */
export function uniformOf({ variant, uniforms }: Dispatch, name: string): number {
  const value = uniforms[name];
  if (typeof value !== 'number') throw new RangeError(`${variant.kernel} has no uniform ${name}`);
  return value;
}

/** A stable name: kernel, slots, functions, conditions, constants. */
export function variantKey(variant: Variant): string {
  const list = (record: Readonly<Record<string, unknown>>): string =>
    Object.keys(record)
      .filter((key) => record[key] !== false)
      .sort()
      .map((key) => (record[key] === true ? key : `${key}=${record[key]}`))
      .join(' ');
  const { kernel, slots, functions = {}, conditions, constants } = variant;
  return [kernel, list(slots), list(functions), list(conditions), list(constants)]
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
