/** The matrix shapes of `chromium-experimental-subgroup-matrix` that matmul_matrix.wgsl can use, and the tiles made of them. */
import { type FormatId, formatInfo } from '../precision/formats.ts';

export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';
/** Before the reason, where a run records that it uses none. */
export const NOT_USED = 'not used: ';

/** Left (m, k) times right (k, n), both of `component`, summed in f32. */
export interface MatrixShape {
  readonly component: 'f16' | 'f32';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Done by each lane for itself: proves the kernel around it on adapters without matrix units, for tests only. */
  readonly emulated?: boolean;
}

/** An entry of `adapterInfo.subgroupMatrixConfigs`, which @webgpu/types does not know yet. */
export interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Rows and columns of out that one subgroup owns; on GPUs with matrices of 8 x 8 more than eight leave the registers. */
const SHARE_ROWS = 32;
const shareColumns = ({ m, n }: MatrixShape): number => (m * n > 64 ? 32 : 16);
/** Steps of the sum in shared memory at a time: both tiles and the scratch stay below 16 KiB. */
const TILE_STEPS = { f16: 32, f32: 16 };
/** Bytes behind each stored row, which keep lanes off the same bank. */
const PADDING_BYTES = 16;
const BYTES = { f16: 2, f32: 4 };

/** `f16 16x16x16`, m x n x k. */
export function shapeName({ component, m, n, k }: MatrixShape): string {
  return `${component} ${m}x${n}x${k}`;
}

/** The shapes that sum in f32 and divide the kernel's tiles, for each component the largest first. */
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

/** Fewer rows or columns leave most of a subgroup's share empty. */
const LEAST_EXTENT = 32;

/** The shape for operands of these formats, each value of which its component holds exactly; undefined for none. */
export function matrixShapeFor(
  shapes: readonly MatrixShape[],
  formats: readonly FormatId[],
  m: number,
  n: number,
): MatrixShape | undefined {
  if (Math.min(m, n) < LEAST_EXTENT) return undefined;
  return shapes.find(({ component }) => component === 'f32' || formats.every(fitsF16));
}

function fitsF16(format: FormatId): boolean {
  const { exponentBits, mantissaBits } = formatInfo(format);
  return exponentBits <= 5 && mantissaBits <= 10;
}

/** Constants of the kernel. @param lanes of every subgroup */
export function matrixTile(shape: MatrixShape, lanes: number, aTransposed: boolean, bTransposed: boolean) {
  const { component, m, n, k } = shape;
  // Four subgroups where the workgroups that WebGPU guarantees have room for them, side by side in twos.
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
