/** Dawn, the WebGPU of Node, as a process uses it: loaded once, kept alive, quiet, and polled calmly. */
import { withQuietStderr } from './quietStderr.ts';

// Dawn aborts the process when an instance is collected before the objects made from it, so they live on globalThis.
const holder = globalThis as typeof globalThis & { dawnInstances?: GPU[] };

/** f16 on NVIDIA is behind a toggle in Dawn's Vulkan backend, and experimental features are behind another. */
const TOGGLES = ['enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis'];

/** How long Dawn waits before it asks the driver again whether something has finished. */
const POLL_MS = 1;

/**
 * Dawn's entry point, one per process: later calls return the newest. Also puts GPUBufferUsage and the other WebGPU
 * globals in place.
 * @param options Dawn toggles, as the npm package `webgpu` takes them
 * @throws whatever the package throws where it has no binary for this machine
 */
export async function loadDawn(options: readonly string[] = TOGGLES): Promise<GPU> {
  return holder.dawnInstances?.at(-1) ?? reloadDawn(options);
}

/** Another instance, which looks for drivers anew: one that has found none finds none later. As {@link loadDawn}. */
export async function reloadDawn(options: readonly string[] = TOGGLES): Promise<GPU> {
  const { create, globals } = await import('webgpu');
  if (!holder.dawnInstances) {
    Object.assign(globalThis, globals);
    pollCalmly();
    holder.dawnInstances = [];
  }
  const dawn = create([...options]);
  holder.dawnInstances.push(dawn);
  keepQuiet(dawn);
  return dawn;
}

/**
 * Dawn looks for drivers before `requestAdapter` returns its promise, and warns on standard error about each: about limits
 * that it lowers, and about drivers that it does not find, which the caller reports better.
 */
function keepQuiet(dawn: GPU): void {
  const requestAdapter = dawn.requestAdapter.bind(dawn);
  dawn.requestAdapter = (options) => withQuietStderr(() => requestAdapter(options));
}

/**
 * While a promise of Dawn's is open, the package asks the driver again from every turn of the event loop, which keeps
 * one core busy: half the machine where the GPU is emulated on two. It looks setImmediate up each time, so that a slower
 * one can be put in its place. Native callbacks are Dawn's, or those of promises, for which a millisecond is soon enough.
 */
function pollCalmly(): void {
  globalThis.setImmediate = new Proxy(globalThis.setImmediate, {
    apply(immediate, self, args: Parameters<typeof setImmediate>) {
      const [callback] = args;
      const isNative = Function.prototype.toString.call(callback).endsWith('{ [native code] }');
      return isNative ? setTimeout(callback, POLL_MS) : Reflect.apply(immediate, self, args);
    },
  });
}
