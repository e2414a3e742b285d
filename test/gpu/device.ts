/**
 * A fresh GPUDevice for each GPU test in Node, with every GPU error turned into a failure of the test.
 *
 * The `gpu` project of vitest.config.ts sets the environment that makes Dawn use lavapipe; it must be set before the
 * process makes its first instance.
 */
import { loadDawn } from '../../src/cli/dawn.ts';

export interface DeviceOptions {
  /** Features to request. Default: those of {@link WANTED_FEATURES} that the adapter offers. `[]` for core WebGPU only. */
  features?: GPUFeatureName[];
  /** Limits to request. Default: all that the adapter has. `{}` for those that WebGPU guarantees. */
  limits?: Record<string, number>;
  /** Toggles of Dawn, which are those of the first call in the process. */
  dawn?: string[];
}

/** What a test body gets beside its device. */
export interface DeviceContext {
  adapter: GPUAdapter;
  /** Buffers that the body has made and not destroyed. */
  buffers: ReadonlySet<GPUBuffer>;
}

export const WANTED_FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];

const SCOPES: readonly GPUErrorFilter[] = ['validation', 'out-of-memory', 'internal'];

const NO_ADAPTER = `no WebGPU adapter in Node.
Run "node e2e/software-gpu/setup.mjs" to install lavapipe, and start the tests with "npx vitest run --project gpu",
which sets VK_ICD_FILENAMES (now ${process.env.VK_ICD_FILENAMES ?? 'not set'}) and XDG_RUNTIME_DIR.`;

export async function requestTestAdapter(dawn: string[] = []): Promise<GPUAdapter> {
  const adapter = await (await loadDawn(dawn)).requestAdapter();
  if (!adapter) throw new Error(NO_ADAPTER);
  return adapter;
}

/** All limits of an adapter or device, as `requiredLimits` takes them. */
export function allLimits(limits: GPUSupportedLimits): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name in limits) {
    const value: unknown = limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') found[name] = value;
  }
  return found;
}

/**
 * Runs a test body on a new device: `test('...', () => withDevice(async (device) => { ... }))`.
 *
 * Fails when there is no adapter, when the body fails, and when the GPU reports an error that the body has not caught
 * with an error scope of its own. Buffers and device are destroyed afterwards.
 */
export async function withDevice<T>(
  body: (device: GPUDevice, context: DeviceContext) => T | Promise<T>,
  options: DeviceOptions = {},
): Promise<T> {
  const adapter = await requestTestAdapter(options.dawn);
  const device = await adapter.requestDevice({
    requiredFeatures: options.features ?? WANTED_FEATURES.filter((name) => adapter.features.has(name)),
    requiredLimits: options.limits ?? allLimits(adapter.limits),
  });

  const problems: string[] = [];
  device.onuncapturederror = (event) => problems.push(`uncaptured error: ${event.error.message}`);
  let finished = false;
  const lost = device.lost.then((info) => {
    if (!finished) problems.push(`device lost (${info.reason}): ${info.message}`);
  });

  const buffers = recordBuffers(device);
  for (const scope of SCOPES) device.pushErrorScope(scope);
  let result: T | undefined;
  let failure: { error: unknown } | undefined;
  try {
    result = await body(device, { adapter, buffers });
  } catch (error) {
    failure = { error };
  }
  problems.push(...(await endScopes(device)));

  finished = true;
  for (const buffer of [...buffers]) buffer.destroy();
  device.destroy();
  await lost;

  if (problems.length > 0) {
    // What the GPU said usually explains why the body failed, so it goes first.
    throw new Error(problems.join('\n'), failure ? { cause: failure.error } : undefined);
  }
  if (failure) throw failure.error;
  return result as T;
}

/** The device's live buffers, kept up to date as they are made and destroyed. */
function recordBuffers(device: GPUDevice): Set<GPUBuffer> {
  const buffers = new Set<GPUBuffer>();
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      buffers.delete(buffer);
      return destroy();
    };
    buffers.add(buffer);
    return buffer;
  };
  return buffers;
}

/** Waits for the GPU, then closes the scopes that withDevice opened; what they caught, one line each. */
async function endScopes(device: GPUDevice): Promise<string[]> {
  const problems: string[] = [];
  try {
    await device.queue.onSubmittedWorkDone();
    for (const scope of [...SCOPES].reverse()) {
      const error = await device.popErrorScope();
      if (error) problems.push(`${scope} error: ${error.message}`);
    }
  } catch (error) {
    problems.push(`closing the error scopes failed: ${String(error)}`);
  }
  return problems;
}
