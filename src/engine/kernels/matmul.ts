import { dispatch } from '../gpu/dispatch.ts';
import { laneForm } from '../gpu/lanes.ts';
import type { Dispatch, MatmulKernel, Target } from '../gpu/operation.ts';
import { matrixShapeFor, matrixTile } from '../gpu/subgroupMatrix.ts';
import { blockScalesOf, formatOf, type Operand } from '../gpu/tensor.ts';
import type { Activation, ActivationBackward } from './activation.ts';
import { dropoutUniforms, type RowDropout } from './dropout.ts';

/** How a sum of k products is cut: `count` parts of `step`, a multiple of 64; the last may be shorter. */
export interface SumParts {
  readonly count: number;
  readonly step: number;
}

export interface MatmulArgs {
  readonly label: string;
  /** (m, k), or (k, m) with `aTransposed`. */
  readonly a: Operand;
  /** (k, n), or (n, k) with `bTransposed`. */
  readonly b: Operand;
  /** (m, n) */
  readonly out: Operand;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly aTransposed?: boolean;
  readonly bTransposed?: boolean;
  /** (n), added to every row. */
  readonly bias?: Operand;
  /** Drops elements of the result, (B * T, n), before the residual is added. */
  readonly dropout?: RowDropout | undefined;
  /** (m, n), added after everything else. */
  readonly residual?: Operand;
  /** The result becomes cap * tanh(result / cap). */
  readonly softCap?: number | undefined;
  /** Factors of the product and of the residual; both are 1 where absent. */
  readonly weights?: { readonly ofProduct: number; readonly ofResidual: number };
  /** Store the pre-activation, (m, n), and its activation function in `out`. */
  readonly activation?: Activation;
  /**
   * Multiply by the activation function's derivative at the pre-activation, (m, n). If it is gated, the product is the gradient
   * of (m, n) products, and `out` and the pre-activation are (m, 2 n).
   */
  readonly activationBackward?: ActivationBackward;
  /** out += instead of out =. */
  readonly accumulate?: boolean;
  /** Cuts the sum: `out` is (count, m, n), and nothing is fused. */
  readonly parts?: SumParts;
  readonly found: Operand;
}

/** Tiles of matmul_register. Arrays above 16 vectors leave the registers on software adapters: 32 rows are two arrays. */
const REGISTER_TILES = {
  register8: { rows: 8, ROWS: 8, tall: false },
  register16: { rows: 16, ROWS: 16, tall: false },
  register32: { rows: 32, ROWS: 16, tall: true },
  'register16-unshared': { rows: 16, ROWS: 16, tall: false },
} as const;
/** What all lanes of a workgroup load is one load to a GPU, so that it takes as many lanes as fill any of its waves. */
const UNSHARED_LANES = 64;
/** Tiles of matmul_tiled, of 8 x 4 results a lane and of 8 x 8. Both take 8.5 KiB of the 16 KiB that WebGPU guarantees. */
const SMALL_TILE = { TILE_M: 64, TILE_N: 64, TILE_K: 16, ROW_LANES: 8, COLUMNS4: 1 } as const;
const LARGE_TILE = { TILE_M: 128, TILE_N: 128, TILE_K: 8, ROW_LANES: 16, COLUMNS4: 2 } as const;
/** Steps of a tile of matmul_packed: both tiles take 8 KiB at most. */
const PACKED_STEPS = 32;
/** Products of 8-bit integers that an f32 adds up exactly: 1,024 of 127 x 127 make less than 2^24. */
const EXACT_STEPS = 1024;
/** Products of which an i32 holds every sum. Beyond that, sums are those of f32. */
const MOST_EXACT_STEPS = Math.floor((2 ** 31 - 1) / 127 ** 2);
/** So many large tiles are about one for each core of a large GPU, which is then faster with them than with four times as many small ones. */
const ENOUGH_LARGE_TILES = 96;
/** Part of the products in large tiles that may lie beyond the result. */
const MOST_WASTE = 0.2;

/** Large tiles where they fill a GPU and are full themselves. All tiles sum in the same order, so that this changes no bit. */
function tileFor(kernel: TiledKernel, { m, n, parts }: Pick<MatmulArgs, 'm' | 'n' | 'parts'>) {
  if (kernel !== 'tiled') return kernel === 'tiled128' ? LARGE_TILE : SMALL_TILE;
  const { TILE_M, TILE_N } = LARGE_TILE;
  const tiles = Math.ceil(m / TILE_M) * Math.ceil(n / TILE_N);
  const isFull = m * n >= (1 - MOST_WASTE) * tiles * TILE_M * TILE_N;
  return isFull && tiles * (parts?.count ?? 1) >= ENOUGH_LARGE_TILES ? LARGE_TILE : SMALL_TILE;
}

/**
 * out = op(a) op(b) with a fused epilogue, in the kernel the target chose.
 * Operands may have any format, with a scale or without; products and sums are f32, of two 8-bit integers whose scales are constant
 * along the sum exact. n, and k (m with `aTransposed`), are multiples of 4.
 */
export function matmul(target: Target, args: MatmulArgs): Dispatch {
  const { label, a, b, out, m, n, k, bias, residual, weights, dropout, parts, found } = args;
  const { kind, preActivation } = args.activation ?? args.activationBackward ?? {};
  const outer = outerScales(args);
  const { kernel, tileRows, tileColumns, conditions, constants } = kernelFor(target, args, outer);
  return dispatch(target, kernel, {
    operands: { a, b, out, bias, residual, preActivation },
    tensors: { windows: dropout?.windows },
    outer,
    functions: { activation: kind },
    scaled: { scaleA: 'a', scaleB: 'b', scalePre: preActivation ? 'preActivation' : 'a' },
    writes: args.activation ? ['out', 'preActivation'] : ['out'],
    found,
    uniforms: {
      ...{ m, n4: n / 4, k, ...weights, step: parts?.step, cap: args.softCap },
      ...(dropout && { context: dropout.context, ...dropoutUniforms(dropout) }),
    },
    conditions: {
      aTransposed: args.aTransposed ?? false,
      bTransposed: args.bTransposed ?? false,
      accumulate: args.accumulate ?? false,
      bias: bias !== undefined,
      dropout: dropout !== undefined,
      softCap: args.softCap !== undefined,
      residual: residual !== undefined,
      weighted: weights !== undefined,
      activation: args.activation !== undefined,
      activationBackward: args.activationBackward !== undefined,
      gated: args.activationBackward?.gated ?? false,
      split: parts !== undefined,
      outerA: outer.a,
      outerB: outer.b,
      ...conditions,
    },
    constants,
    grid: [Math.ceil(n / tileColumns), Math.ceil(m / tileRows), parts?.count ?? 1],
    label,
    flops: 2 * m * n * k,
  });
}

/** Which operands have scales that are constant along the sum: those of rows where it runs along rows, of columns where along columns. */
function outerScales({ a, b, m, n, k, aTransposed = false, bTransposed = false }: MatmulArgs) {
  const isOuter = (operand: Operand, alongRows: boolean, columns: number): boolean => {
    const scales = blockScalesOf(operand);
    return alongRows ? scales?.block === k : scales?.columns === columns;
  };
  return { a: isOuter(a, !aTransposed, m), b: isOuter(b, bTransposed, n) };
}

/** Lanes and columns of matmul_vector. Software adapters read long runs of each row of `b`, and sum in order of k. */
const VECTOR_LANES = {
  software: { COLUMNS4: 8, PARTS: 1, VECTORS: 4 },
  softwareTransposed: { COLUMNS4: 8, PARTS: 1, VECTORS: 1 },
  gpu: { COLUMNS4: 16, PARTS: 16, VECTORS: 1 },
  gpuTransposed: { COLUMNS4: 4, PARTS: 64, VECTORS: 1 },
} as const;

/** The kernel for one row, as in sampling. It reads `b` once, where tiles would compute rows that nobody stores. */
function vectorForm({ splitSums }: Target, bTransposed: boolean): MatmulKernelForm {
  const constants = VECTOR_LANES[`${splitSums ? 'gpu' : 'software'}${bTransposed ? 'Transposed' : ''}`];
  const tileColumns = 4 * constants.COLUMNS4 * constants.VECTORS;
  const conditions = { parted: constants.PARTS > 1 };
  return { kernel: 'matmul_vector', tileRows: 1, tileColumns, conditions, constants };
}

type TiledKernel = Extract<MatmulKernel, `tiled${string}`>;

function isTiled(kernel: MatmulKernel): kernel is TiledKernel {
  return kernel.startsWith('tiled');
}

interface MatmulKernelForm {
  readonly kernel: string;
  /** Rows and columns of `out` that a workgroup stores. */
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Those that only this kernel has. */
  readonly conditions?: Dispatch['variant']['conditions'];
  readonly constants: Dispatch['variant']['constants'];
}

function kernelFor(
  target: Target,
  args: MatmulArgs,
  outer: ReturnType<typeof outerScales>,
): MatmulKernelForm {
  const { a, b, m, n, k, parts, aTransposed = false, bTransposed = false } = args;
  const aBlocks = blockScalesOf(a) !== undefined && !outer.a;
  const bBlocks = blockScalesOf(b) !== undefined && !outer.b;
  const steps = parts?.step ?? k;
  const isInteger = formatOf(a) === 'i8' && formatOf(b) === 'i8' && !aBlocks && !bBlocks;
  const exactly = (form: MatmulKernelForm): MatmulKernelForm => {
    if (!isInteger || steps <= EXACT_STEPS || steps > MOST_EXACT_STEPS) return form;
    const { conditions, constants } = form;
    return { ...form, conditions: { ...conditions, exact: true }, constants: { ...constants, EXACT_STEPS } };
  };
  if (m === 1 && !aTransposed && !parts) return exactly(vectorForm(target, bTransposed));
  if (isInteger) {
    const isPacked = target.packedProducts && steps <= MOST_EXACT_STEPS;
    return isPacked ? packedForm(target, args) : exactly(plainForm(target, args));
  }
  // No narrow format holds what its blocks are once their scales are applied.
  const formats = [aBlocks ? 'f32' : formatOf(a), bBlocks ? 'f32' : formatOf(b)] as const;
  const matrices = matrixShapeFor(target.matrixShapes, formats, m, n);
  if (matrices) {
    const { component, emulated = false } = matrices;
    const { asksSubgroup = false } = target;
    const { subgroup } = target;
    if (subgroup === null) throw new RangeError('matrices need subgroups of one size');
    const constants = matrixTile(matrices, subgroup, { m, n, parts: parts?.count ?? 1 });
    const conditions = { half: component === 'f16', emulated, asksSubgroup, aBlocks, bBlocks };
    const { TILE_M: tileRows, TILE_N: tileColumns } = constants;
    return { kernel: 'matmul_matrix', tileRows, tileColumns, conditions, constants };
  }
  return plainForm(target, args);
}

/** The kernel that multiplies four pairs of 8-bit integers in one instruction. */
function packedForm({ matmul }: Target, args: MatmulArgs): MatmulKernelForm {
  const tile = { ...tileFor(isTiled(matmul) ? matmul : 'tiled', args), TILE_K: PACKED_STEPS };
  return { kernel: 'matmul_packed', tileRows: tile.TILE_M, tileColumns: tile.TILE_N, constants: tile };
}

/** The kernel for operands of any format that the target chose. */
function plainForm(target: Target, args: MatmulArgs): MatmulKernelForm {
  const { n, bTransposed = false } = args;
  if (isTiled(target.matmul)) {
    const tile = tileFor(target.matmul, args);
    return { kernel: 'matmul_tiled', tileRows: tile.TILE_M, tileColumns: tile.TILE_N, constants: tile };
  }
  const { rows, ROWS, tall } = REGISTER_TILES[target.matmul];
  const isUnshared = target.matmul === 'register16-unshared';
  const subgroup = isUnshared ? null : target.subgroup;
  const lanes = isUnshared ? UNSHARED_LANES : subgroup === null ? 16 : target.lanes;
  const form = laneForm({ ...target, subgroup, lanes });
  // Eight columns a lane: more products for each number that is read, which costs software adapters more than a product. With
  // b transposed twice as many rows of it would be read at a time, which the first cache does not hold.
  const wide = tall && !bTransposed && n % (8 * lanes) === 0;
  return {
    kernel: 'matmul_register',
    tileRows: rows,
    tileColumns: (wide ? 8 : 4) * lanes,
    conditions: { ...form.conditions, tall, wide },
    constants: { ...form.constants, ROWS },
  };
}
