import { dispatch } from '../gpu/dispatch.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import { matrixShapeFor, matrixTile } from '../gpu/subgroupMatrix.ts';
import { blockScalesOf, formatOf, type Operand } from '../gpu/tensor.ts';
import type { FormatId } from '../precision/formats.ts';
import type { Activation } from './activation.ts';

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
  /** (m, n), added after everything else. */
  readonly residual?: Operand;
  /** Store the pre-activation, (m, n), and its activation function in `out`. */
  readonly activation?: Activation;
  /** Multiply by the activation function's derivative at the pre-activation, (m, n). */
  readonly activationBackward?: Activation;
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
} as const;
const TILE = { TILE_M: 64, TILE_N: 64, TILE_K: 16, ROW_LANES: 8 };

/**
 * out = op(a) op(b) with a fused epilogue, in the kernel the target chose.
 * Operands may have any format, with a scale or without; products and sums are f32. n, and k (m with `aTransposed`), are multiples of 4.
 */
export function matmul(target: Target, args: MatmulArgs): Dispatch {
  const { label, a, b, out, m, n, k, bias, residual, parts, found } = args;
  const { kind, preActivation } = args.activation ?? args.activationBackward ?? {};
  const outer = outerScales(args);
  const { kernel, tileRows, tileColumns, conditions, constants } = kernelFor(target, args, outer);
  return dispatch(target, kernel, {
    operands: { a, b, out, bias, residual, preActivation },
    outer,
    functions: { activation: kind },
    scaled: { scaleA: 'a', scaleB: 'b', scalePre: preActivation ? 'preActivation' : 'a' },
    writes: args.activation ? ['out', 'preActivation'] : ['out'],
    found,
    uniforms: { m, n4: n / 4, k, step: parts?.step },
    conditions: {
      aTransposed: args.aTransposed ?? false,
      bTransposed: args.bTransposed ?? false,
      accumulate: args.accumulate ?? false,
      bias: bias !== undefined,
      residual: residual !== undefined,
      activation: args.activation !== undefined,
      activationBackward: args.activationBackward !== undefined,
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

/** The format of the numbers that a kernel multiplies: with a scale in each they are no longer those of the codes. */
function loadedFormat(operand: Operand, isOuter: boolean): FormatId {
  return blockScalesOf(operand) && !isOuter ? 'f32' : formatOf(operand);
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
  const { a, b, m, n, aTransposed = false, bTransposed = false } = args;
  const formats = [loadedFormat(a, outer.a), loadedFormat(b, outer.b)];
  const matrices = matrixShapeFor(target.matrixShapes, formats, m, n);
  if (matrices) {
    const { component, emulated = false } = matrices;
    const constants = matrixTile(matrices, target.lanes, aTransposed, bTransposed);
    const conditions = { half: component === 'f16', emulated };
    const { TILE_M: tileRows, TILE_N: tileColumns } = constants;
    return { kernel: 'matmul_matrix', tileRows, tileColumns, conditions, constants };
  }
  if (target.matmul === 'tiled') {
    return { kernel: 'matmul_tiled', tileRows: TILE.TILE_M, tileColumns: TILE.TILE_N, constants: TILE };
  }
  const { rows, ROWS, tall } = REGISTER_TILES[target.matmul];
  const lanes = target.subgroups ? target.lanes : 16;
  // Eight columns a lane: more products for each number that is read, which costs software adapters more than a product.
  const wide = tall && !aTransposed && !bTransposed && n % (8 * lanes) === 0;
  return {
    kernel: 'matmul_register',
    tileRows: rows,
    tileColumns: (wide ? 8 : 4) * lanes,
    conditions: { subgroups: target.subgroups, tall, wide },
    constants: { LANES: lanes, ROWS },
  };
}
