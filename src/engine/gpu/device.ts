/** Opens an adapter and a device, and reports what they offer. */
import { EngineError } from '../core/errors.ts';
import type { HalfStorage } from '../precision/formats.ts';
import { adapterName, isSoftwareAdapter } from './adapterName.ts';
import { SUBGROUP_MATRIX, type SubgroupMatrixConfig } from './subgroupMatrix.ts';
import {
  expectedSubgroups,
  probeSubgroups,
  SUBGROUP_SIZE_CONTROL,
  type SubgroupRange,
  type SubgroupReport,
} from './subgroups.ts';

export interface AdapterReport {
  /** Vendor, architecture and description in one line. */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Whether it is a software adapter, on which everything works, but slowly. */
  readonly isFallback: boolean;
  readonly features: readonly string[];
  /** What the adapter says of its subgroups; null without them. */
  readonly subgroupSize: SubgroupRange | null;
  /** What kernels may count on, as a kernel of `openDevice` has shown it; null without them. */
  readonly subgroup: SubgroupReport | null;
  /**
   * Fastest storage for f16: native where shader-f16 exists, except on software adapters. These load one element at a time, so
   * that packed halves, two in a word, need half as many loads.
   */
  readonly half: HalfStorage;
  /** The matrix shapes that the device's matrix units multiply; empty if it has none. */
  readonly matrixConfigs: readonly SubgroupMatrixConfig[];
  readonly limits: Readonly<Record<string, number>>;
  /** Whether WGSL has dot4I8Packed here: four products of 8-bit integers. */
  readonly packedProducts?: boolean;
}

/** The WGSL language feature with dot4I8Packed. It belongs to the browser and not to the adapter. */
export const PACKED_PRODUCTS = 'packed_4x8_integer_dot_product';

/** Features that are used if available. Nothing beyond core WebGPU is required. */
const OPTIONAL_FEATURES = [
  'shader-f16',
  'subgroups',
  SUBGROUP_SIZE_CONTROL,
  'timestamp-query',
  SUBGROUP_MATRIX,
] as GPUFeatureName[];

/** Limits that are raised above WebGPU's defaults, because a tensor or a tile may need more. */
const RAISED_LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** Limits that the smallest preset needs. WebGPU guarantees them, but some adapters offer less. */
const NEEDED_LIMITS: Partial<Record<keyof GPUSupportedLimits, number>> = {
  maxBufferSize: 2 ** 26,
  maxStorageBufferBindingSize: 2 ** 26,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeWorkgroupsPerDimension: 65_535,
};

/**
 * Opens the high-performance adapter with the features and limits that Halfstep uses.
 * @param without features to leave unused, for tests of the fallbacks
 * @throws EngineError NO_ADAPTER, LIMIT_EXCEEDED or DEVICE_FAILED, with the browser's error as the cause
 */
export async function openDevice(
  gpu: GPU,
  without: readonly string[] = [],
): Promise<{ device: GPUDevice; report: AdapterReport }> {
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (cause) {
    throw noAdapter(String(cause), cause);
  }
  if (!adapter) throw noAdapter('requestAdapter() returned null');
  checkLimits(adapter);
  const features = OPTIONAL_FEATURES.filter(
    (feature) => adapter.features.has(feature) && !without.includes(feature),
  );
  const requiredLimits = Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]]));
  try {
    const device = await adapter.requestDevice({
      label: 'halfstep',
      requiredFeatures: features,
      requiredLimits,
    });
    const report = reportOf(adapter, device);
    const subgroup = await probeSubgroups(device, report.subgroupSize);
    const packedProducts = gpu.wgslLanguageFeatures?.has(PACKED_PRODUCTS) ?? false;
    return { device, report: { ...report, subgroup, packedProducts } };
  } catch (cause) {
    throw new EngineError(
      'DEVICE_FAILED',
      `A GPU was found, but opening a device on it failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      'Close other pages that use the GPU, update the driver, or restart the browser.',
      { cause },
    );
  }
}

function checkLimits({ limits }: GPUAdapter): void {
  for (const [name, need] of Object.entries(NEEDED_LIMITS)) {
    const have = limits[name as keyof GPUSupportedLimits];
    if (typeof have !== 'number' || have >= need) continue;
    throw new EngineError(
      'LIMIT_EXCEEDED',
      `The adapter's ${name} is ${have}; even the smallest model needs ${need}.`,
      'Use another GPU or another device, or update the driver.',
    );
  }
}

function noAdapter(detail: string, cause?: unknown): EngineError {
  return new EngineError(
    'NO_ADAPTER',
    `No GPU is available through WebGPU (${detail}).`,
    'Turn on hardware acceleration and update the browser and the GPU driver.',
    { cause },
  );
}

/** Reports what an open device offers. Its subgroup sizes are those that the adapter names; `openDevice` measures them with a kernel. */
export function reportOf(adapter: { readonly info: GPUAdapterInfo }, device: GPUDevice): AdapterReport {
  const { info } = adapter;
  const name = adapterName(info);
  const isFallback = isSoftwareAdapter(info);
  const subgroupSize = device.features.has('subgroups')
    ? { min: info.subgroupMinSize, max: info.subgroupMaxSize }
    : null;
  const limits: Record<string, number> = {};
  for (const key in device.limits) {
    const value = device.limits[key as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[key] = value;
  }
  return {
    name,
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description,
    isFallback,
    features: [...device.features].sort(),
    subgroupSize,
    subgroup: expectedSubgroups(subgroupSize, [...device.features]),
    half: device.features.has('shader-f16') && !isFallback ? 'native' : 'packed',
    matrixConfigs: matrixConfigs(info, device),
    limits,
  };
}

/** Copies the configurations, because the browser's own objects cannot be posted from worker to page. */
function matrixConfigs(info: GPUAdapterInfo, device: GPUDevice): SubgroupMatrixConfig[] {
  if (!(device.features as ReadonlySet<string>).has(SUBGROUP_MATRIX)) return [];
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  return Array.from(subgroupMatrixConfigs, ({ componentType, resultComponentType, M, N, K }) => ({
    componentType,
    resultComponentType,
    M,
    N,
    K,
  }));
}
