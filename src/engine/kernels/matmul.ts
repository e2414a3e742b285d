import { type Dispatch, groupedBy, SITE, slotsOf, type Target, u32 } from '../gpu/operation.ts';
import { matrixShapeFor, matrixTile } from '../gpu/subgroupMatrix.ts';
import { formatOf, type Operand, recordOf, scaleOf } from '../gpu/tensor.ts';

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
  /** (m, n): store the pre-activation here and GELU of it in `out`. */
  readonly gelu?: Operand;
  /** (m, n): multiply by GELU' of this pre-activation. */
  readonly geluBackward?: Operand;
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
  const { m, n, k, aTransposed = false, bTransposed = false, accumulate = false } = args;
  const preActivation = args.gelu ?? args.geluBackward;
  const scales = [args.a, args.b, ...(preActivation ? [preActivation] : [])]
    .map(scaleOf)
    .find(Boolean)?.tensor;
  const grouped = groupedBy(args.geluBackward);
  const optional = {
    ...(args.bias && { bias: args.bias }),
    ...(args.residual && { residual: args.residual }),
    ...(preActivation && { preActivation }),
  };
  const operands = { a: args.a, b: args.b, out: args.out, ...optional };
  const conditions = {
    aTransposed,
    bTransposed,
    accumulate,
    bias: args.bias !== undefined,
    residual: args.residual !== undefined,
    gelu: args.gelu !== undefined,
    geluBackward: args.geluBackward !== undefined,
    scaled: scales !== undefined,
    split: args.parts !== undefined,
    ...grouped.conditions,
  };
  const depth = args.parts?.count ?? 1;
  const shared = {
    kind: 'dispatch',
    bindings: { ...operands, ...(scales && { scales }), ...grouped.bindings, found: args.found },
    params: [
      ...[u32(m), u32(n / 4), u32(k), SITE],
      ...(args.parts ? [u32(args.parts.step)] : []),
      ...(scales ? [args.a, args.b, preActivation ?? args.a].map((operand) => u32(recordOf(operand))) : []),
    ],
    label: args.label,
    flops: 2 * m * n * k,
  } as const;
  const slots = slotsOf(target, operands);
  const matrices = matrixShapeFor(target.matrixShapes, [formatOf(args.a), formatOf(args.b)], m, n);
  if (matrices) {
    const { component, emulated = false } = matrices;
    const constants = matrixTile(matrices, target.lanes, aTransposed, bTransposed);
    return {
      ...shared,
      variant: {
        kernel: 'matmul_matrix',
        slots,
        conditions: { ...conditions, half: component === 'f16', emulated },
        constants,
      },
      grid: [Math.ceil(n / constants.TILE_N), Math.ceil(m / constants.TILE_M), depth],
    };
  }
  if (target.matmul === 'tiled') {
    return {
      ...shared,
      variant: { kernel: 'matmul_tiled', slots, conditions, constants: TILE },
      grid: [Math.ceil(n / TILE.TILE_N), Math.ceil(m / TILE.TILE_M), depth],
    };
  }
  const { rows, ROWS, tall } = REGISTER_TILES[target.matmul];
  const lanes = target.subgroups ? target.lanes : 16;
  // Eight columns a lane: more products for each number that is read, which costs software adapters more than a product.
  const wide = tall && !aTransposed && !bTransposed && n % (8 * lanes) === 0;
  const columns = (wide ? 8 : 4) * lanes;
  return {
    ...shared,
    variant: {
      kernel: 'matmul_register',
      slots,
      conditions: { ...conditions, subgroups: target.subgroups, tall, wide },
      constants: { LANES: lanes, ROWS, SUBGROUPS: 1 },
    },
    grid: [Math.ceil(n / columns), Math.ceil(m / rows), depth],
  };
}
