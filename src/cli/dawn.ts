/** Loads Dawn, the WebGPU implementation for Node, once per process, silences its warnings and slows down its polling. */
import { withQuietStderr } from './quietStderr.ts';

// Dawn aborts the process when an instance is garbage-collected before its objects, so instances are kept on globalThis.
const holder = globalThis as typeof globalThis & { dawnInstances?: GPU[] };

/** f16 on NVIDIA is behind a toggle in Dawn's Vulkan backend, and experimental features are behind another. */
const TOGGLES = ['enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis'];

/** Interval in milliseconds at which Dawn asks the driver whether work has finished. */
const POLL_MS = 1;

/**
 * Returns Dawn's entry point. There is one per process; later calls return the newest. The first call also defines
 * GPUBufferUsage and the other WebGPU globals.
 * @param options Dawn toggles for the npm package `webgpu`
 * @throws the package's error when it has no binary for this machine
 */
export async function loadDawn(options: readonly string[] = TOGGLES): Promise<GPU> {
  return holder.dawnInstances?.at(-1) ?? reloadDawn(options);
}

/** Creates another instance as {@link loadDawn} does. Only a new instance searches for drivers again. */
export async function reloadDawn(options: readonly string[] = TOGGLES): Promise<GPU> {
  const { create, globals } = await import('webgpu');
  if (!holder.dawnInstances) {
    Object.assign(globalThis, globals);
    slowDownPolling();
    holder.dawnInstances = [];
  }
  const dawn = create([...options]);
  holder.dawnInstances.push(dawn);
  silenceWarnings(dawn);
  return dawn;
}

/**
 * Suppresses the warnings that Dawn writes to standard error about drivers that it does not find and limits that it
 * lowers. It does so synchronously, before `requestAdapter` returns its promise. The caller reports missing drivers.
 */
function silenceWarnings(dawn: GPU): void {
  const requestAdapter = dawn.requestAdapter.bind(dawn);
  dawn.requestAdapter = (options) => withQuietStderr(() => requestAdapter(options));
}

/**
 * While a promise of Dawn is pending, the package polls the driver in every turn of the event loop, which keeps one core
 * busy. With a GPU emulated on two cores, that is half the machine. The package looks setImmediate up at each call, so a
 * slower one can replace it. Native callbacks belong to Dawn or to promises, for which a millisecond's delay is harmless.
 */
function slowDownPolling(): void {
  globalThis.setImmediate = new Proxy(globalThis.setImmediate, {
    apply(immediate, self, args: Parameters<typeof setImmediate>) {
      const [callback] = args;
      const isNative = Function.prototype.toString.call(callback).endsWith('{ [native code] }');
      return isNative ? setTimeout(callback, POLL_MS) : Reflect.apply(immediate, self, args);
    },
  });
}
