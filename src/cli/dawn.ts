/** Dawn, the WebGPU of Node, as a process uses it: loaded once, kept alive, and polled calmly. */

// Dawn aborts the process when its instance is collected before the objects made from it, so it lives on globalThis.
const holder = globalThis as typeof globalThis & { dawnInstance?: GPU };

/** How long Dawn waits before it asks the driver again whether something has finished. */
const POLL_MS = 1;

/**
 * Dawn's entry point, one per process: later calls return the first one's. Also puts GPUBufferUsage and the other
 * WebGPU globals in place.
 * @param options Dawn toggles, as the npm package `webgpu` takes them
 * @throws whatever the package throws where it has no binary for this machine
 */
export async function loadDawn(options: string[]): Promise<GPU> {
  if (!holder.dawnInstance) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    pollCalmly();
    holder.dawnInstance = create(options);
  }
  return holder.dawnInstance;
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
