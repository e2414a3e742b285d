/** Selects the matrix shapes of `chromium-experimental-subgroup-matrix` that matmul_matrix.wgsl can use, and their tiles. */
import { type FormatId, formatInfo } from '../precision/formats.ts';

export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';
/** Prefix of the reason when a run records that it does not use matrix units. */
export const NOT_USED = 'not used: ';

/** A product of (m, k) and (k, n) matrices of `component`, accumulated in f32. */
export interface MatrixShape {
  readonly component: 'f16' | 'f32';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Whether each lane computes the product by itself, so that tests can run the kernel on adapters without matrix units. */
  readonly emulated?: boolean;
  /** Forces wide or narrow shares of subgroups, for tests. */
  readonly wide?: boolean;
}

/** An entry of `adapterInfo.subgroupMatrixConfigs`, which @webgpu/types does not declare yet. */
export interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/**
 * Rows and columns of `out` that one subgroup computes, narrow or wide. A wide share loads fewer numbers for each product, and
 * its sums take 64 registers of a lane, or half as many of small matrices, whose operands need more.
 */
const SHARE_ROWS = 32;
const narrowColumns = ({ m, n }: Pick<MatrixShape, 'm' | 'n'>): number => (m * n > 64 ? 32 : 16);
/** Smaller subgroups would hold more sums in a lane than they have registers for. */
const LANES_OF_WIDE = 32;
/** Fewer wide tiles leave cores of a large GPU idle, which narrow ones keep busy. */
const ENOUGH_WIDE_TILES = 192;
/** Length along k of the tiles in workgroup memory. Both tiles and the scratch stay below 16 KiB, wide ones too. */
const TILE_STEPS = { f16: { narrow: 32, wide: 16 }, f32: { narrow: 16, wide: 16 } };
/** Padding in bytes after each row, which avoids bank conflicts. */
const PADDING_BYTES = 16;
const BYTES = { f16: 2, f32: 4 };

/** Formats a shape as `f16 16x16x16`, m x n x k. */
export function shapeName({ component, m, n, k }: MatrixShape): string {
  return `${component} ${m}x${n}x${k}`;
}

/** Selects the shapes that accumulate in f32 and divide the kernel's tiles. For each component the largest comes first. */
export function usableShapes(configs: Iterable<SubgroupMatrixConfig>): MatrixShape[] {
  const shapes: MatrixShape[] = [];
  for (const { componentType, resultComponentType, M: m, N: n, K: k } of configs) {
    if (resultComponentType !== 'f32' || (componentType !== 'f16' && componentType !== 'f32')) continue;
    const shape: MatrixShape = { component: componentType, m, n, k };
    const divides = SHARE_ROWS % m === 0 && narrowColumns(shape) % n === 0 && n % 4 === 0;
    if (divides && TILE_STEPS[componentType].wide % k === 0) shapes.push(shape);
  }
  const volume = ({ m, n, k }: MatrixShape) => m * n * k;
  return shapes.sort((a, b) => a.component.localeCompare(b.component) || volume(b) - volume(a));
}

/** With fewer rows or columns most of a subgroup's tile would be empty. */
const MIN_EXTENT = 32;

/** Returns the shape for operands whose values these formats hold and its component represents exactly; undefined when there is none. */
export function matrixShapeFor(
  shapes: readonly MatrixShape[],
  formats: readonly FormatId[],
  m: number,
  n: number,
): MatrixShape | undefined {
  if (Math.min(m, n) < MIN_EXTENT) return undefined;
  return shapes.find(({ component }) => component === 'f32' || formats.every(fitsF16));
}

function fitsF16(format: FormatId): boolean {
  const { exponentBits, mantissaBits } = formatInfo(format);
  return exponentBits <= 5 && mantissaBits <= 10;
}

/** Results (m, n), in `parts` of the sum. */
export interface MatrixOutput {
  readonly m: number;
  readonly n: number;
  readonly parts: number;
}

/** Returns the constants of the kernel. @param subgroup lanes of every subgroup */
export function matrixTile(shape: MatrixShape, subgroup: number, output: MatrixOutput) {
  const { component, m, n, k } = shape;
  // The workgroup has four subgroups in two columns, or two where four exceed the workgroup size that WebGPU guarantees.
  const subgroups = 4 * subgroup <= 256 ? 4 : 2;
  const TILE_M = (subgroups / 2) * SHARE_ROWS;
  const columnsOf = (wide: boolean): number => narrowColumns(shape) * (wide ? 2 : 1);
  const tiles = Math.ceil(output.m / TILE_M) * Math.ceil(output.n / (2 * columnsOf(true))) * output.parts;
  const wide = shape.wide ?? (subgroup >= LANES_OF_WIDE && tiles >= ENOUGH_WIDE_TILES);
  const TILE_K = TILE_STEPS[component][wide ? 'wide' : 'narrow'];
  return {
    ...{ SUBGROUP: subgroup, SUBGROUPS: subgroups, SUBGROUP_COLUMNS: 2 },
    ...{ ROWS: SHARE_ROWS / m, COLUMNS: columnsOf(wide) / n },
    ...{ MATRIX_M: m, MATRIX_N: n, MATRIX_K: k, TILE_M, TILE_N: 2 * columnsOf(wide), TILE_K },
    STRIDE: TILE_K + PADDING_BYTES / BYTES[component],
    SCRATCH_SIZE: subgroups * m * n,
  };
}
