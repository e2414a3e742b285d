/** Operations. A step is a flat list of them, which is plain data until `Program` compiles it. */
import type { HalfStorage, Prelude } from '../precision/formats.ts';
import type { ScaleKind } from '../precision/storage.ts';
import type { MatrixShape } from './subgroupMatrix.ts';
import type { Operand, Tensor } from './tensor.ts';

/**
 * How the operand of a slot is stored: in a format, and where parts of it have scales with how these are kept, and how loads
 * apply them: to so many consecutive elements, to each of so many columns, to tiles of so many rows and columns of a matrix of
 * so many columns, or not, since the kernel applies them itself.
 */
export type SlotStorage =
  | Prelude
  | `${Prelude}/${number}:${ScaleKind}`
  | `${Prelude}/columns${number}:${ScaleKind}`
  | `${Prelude}/tiles${number}x${number}of${number}:${ScaleKind}`
  | `${Prelude}/outer:${ScaleKind}`;

/** A kernel with its slots, functions, conditions and constants. Equal variants share a pipeline. */
export interface Variant {
  /** File name in `shaders/` without `.wgsl`, which is also the name of the entry point. */
  readonly kernel: string;
  /** Storage by slot. The kernel calls `<slot>::load(i)`, and the operand is bound under the slot's name. */
  readonly slots: Readonly<Record<string, SlotStorage>>;
  /** Function slot to a file of `shaders/functions/`, from which the kernel imports as `<slot>_function::...`. */
  readonly functions?: Readonly<Record<string, string>>;
  readonly conditions: Readonly<Record<string, boolean>>;
  readonly constants: Readonly<Record<string, number>>;
}

/** Stands for the site number of a dispatch, which `Program` assigns. */
export const SITE = 'site';

/** One dispatch of a kernel; see `dispatch` in dispatch.ts. */
export interface Dispatch {
  readonly kind: 'dispatch';
  readonly variant: Variant;
  /** Operands by binding name. */
  readonly bindings: Readonly<Record<string, Operand>>;
  /** Names of the bindings that the kernel stores to, atomically or not. It only reads the others. */
  readonly writes: readonly string[];
  /** Fields of the kernel's uniform struct by name. Their order and types are read from the WGSL. */
  readonly uniforms: Readonly<Record<string, number | typeof SITE>>;
  readonly grid: readonly [number, number, number];
  /** Name of the result in terms that users know. Messages about an overflow show it. */
  readonly label: string;
  /** Floating-point operations, if they dominate the run time of the dispatch. */
  readonly flops?: number;
  /** The dispatch only reads what other operations stored. It cannot overflow and has no site number. */
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

/** The properties of the adapter and the run that kernels depend on. */
export interface Target {
  readonly half: HalfStorage;
  /** Lanes of every subgroup of the run's pipelines; null where there are none, or where sizes vary and cannot be fixed: kernels then take their variants without subgroups. */
  readonly subgroup: number | null;
  /** Whether pipelines ask for that size, since the adapter has several. */
  readonly asksSubgroup?: boolean;
  /** Lanes of a row kernel's workgroup, which need not be a multiple of a subgroup or a part of one. */
  readonly lanes: number;
  readonly matmul: MatmulKernel;
  readonly attention: AttentionKernel;
  /** Matrix shapes that passed the self-test on this adapter; empty on most. A fitting shape takes precedence over `matmul`. */
  readonly matrixShapes: readonly MatrixShape[];
  /** Whether products of 8-bit integers are formed four at a time; see shaders/matmul_packed.wgsl. */
  readonly packedProducts?: boolean;
  /** Whether long sums with few results are split into parts, to give a GPU enough parallel work. */
  readonly splitSums: boolean;
}

/**
 * Matmul kernels: with a register tile of 8, 16 or 32 rows per lane, whose lanes share what they load of `a` or (`unshared`)
 * each load all of it, or with tiles in workgroup memory, of a size that follows from the result's or of the given one.
 */
export const MATMUL_KERNELS = [
  'register8',
  'register16',
  'register32',
  'register16-unshared',
  'tiled',
  'tiled64',
  'tiled128',
] as const;
export type MatmulKernel = (typeof MATMUL_KERNELS)[number];

/**
 * Attention kernels: with a key a trip, whose vectors lanes load for each other where there are subgroups, or with several
 * keys a trip, which all lanes of a workgroup read at the same address.
 */
export const ATTENTION_KERNELS = ['register', 'uniform'] as const;
export type AttentionKernel = (typeof ATTENTION_KERNELS)[number];

/** Grid of enough workgroups of `width` lanes for `count` items, in two dimensions; `linearGroup` in shaders/lib/grid.wgsl inverts it. */
export function linearGrid(count: number, width: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(count / width));
  return [Math.min(groups, 65535), Math.ceil(groups / 65535), 1];
}

/** A numeric uniform of a dispatch. @throws RangeError if the dispatch has no number of that name */
export function uniformOf({ variant, uniforms }: Dispatch, name: string): number {
  const value = uniforms[name];
  if (typeof value !== 'number') throw new RangeError(`${variant.kernel} has no uniform ${name}`);
  return value;
}

/** A stable, readable key of a variant: kernel, slots, functions, conditions, constants. */
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

/** All tensors that the operations read or write. */
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
