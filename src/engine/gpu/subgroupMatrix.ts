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
}

/** An entry of `adapterInfo.subgroupMatrixConfigs`, which @webgpu/types does not declare yet. */
export interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Rows and columns of `out` that one subgroup computes. On GPUs with 8 x 8 matrices more than eight of them do not fit in registers. */
const SHARE_ROWS = 32;
const shareColumns = ({ m, n }: MatrixShape): number => (m * n > 64 ? 32 : 16);
/** Length along k of the tiles in workgroup memory. Both tiles and the scratch stay below 16 KiB. */
const TILE_STEPS = { f16: 32, f32: 16 };
/** Padding in bytes after each stored row, which avoids bank conflicts. */
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
    const divides = SHARE_ROWS % m === 0 && shareColumns(shape) % n === 0 && n % 4 === 0;
    if (divides && TILE_STEPS[componentType] % k === 0) shapes.push(shape);
  }
  const volume = ({ m, n, k }: MatrixShape) => m * n * k;
  return shapes.sort((a, b) => a.component.localeCompare(b.component) || volume(b) - volume(a));
}

/** With fewer rows or columns most of a subgroup's tile would be empty. */
const MIN_EXTENT = 32;

/** Returns the shape for operands of these formats, whose values its component represents exactly; undefined when there is none. */
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

/** Returns the constants of the kernel. @param lanes size of every subgroup */
export function matrixTile(shape: MatrixShape, lanes: number, aTransposed: boolean, bTransposed: boolean) {
  const { component, m, n, k } = shape;
  // The workgroup has four subgroups in two columns, or two where four exceed the workgroup size that WebGPU guarantees.
  const subgroups = 4 * lanes <= 256 ? 4 : 2;
  const [rows, columns] = [SHARE_ROWS / m, shareColumns(shape) / n];
  const TILE_M = (subgroups / 2) * SHARE_ROWS;
  const TILE_N = 2 * shareColumns(shape);
  const TILE_K = TILE_STEPS[component];
  const padding = PADDING_BYTES / BYTES[component];
  const STRIDE_A = (aTransposed ? TILE_M : TILE_K) + padding;
  const STRIDE_B = (bTransposed ? TILE_K : TILE_N) + padding;
  return {
    ...{ LANES: lanes, SUBGROUPS: subgroups, SUBGROUP_COLUMNS: 2, ROWS: rows, COLUMNS: columns },
    ...{ MATRIX_M: m, MATRIX_N: n, MATRIX_K: k, TILE_M, TILE_N, TILE_K, STRIDE_A, STRIDE_B },
    TILE_A_SIZE: (aTransposed ? TILE_K : TILE_M) * STRIDE_A,
    TILE_B_SIZE: (bTransposed ? TILE_N : TILE_K) * STRIDE_B,
    SCRATCH_SIZE: subgroups * m * n,
  };
}
