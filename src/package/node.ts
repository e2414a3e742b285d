/** `halfstep/node`: WebGPU in Node, by Google's Dawn in the npm package `webgpu`, an optional peer dependency. */
import { loadDawn as load } from '../cli/dawn.ts';
import { badValue, EngineError, inWords } from '../engine/index.ts';

/**
 * Node's counterpart of `navigator.gpu`, for `openDevice`. Also puts `GPUBufferUsage` and the other WebGPU globals in
 * place. One instance a process: later calls return it. It stays alive as long as the process, which Dawn needs.
 * @param toggles of Dawn, as the package `webgpu` takes them; by default those that f16 on NVIDIA and matrix units need
 * @throws EngineError NO_WEBGPU when the package is not installed, or has no binary for this machine; BAD_VALUE
 */
export async function loadDawn(toggles?: readonly string[]): Promise<GPU> {
  if (toggles !== undefined && !Array.isArray(toggles)) {
    throw badValue(
      `loadDawn: toggles is ${inWords(toggles)}.`,
      "Give a list, as ['enable-dawn-features=allow_unsafe_apis'].",
    );
  }
  try {
    return await load(toggles);
  } catch (cause) {
    throw new EngineError(
      'NO_WEBGPU',
      `The npm package "webgpu" (Dawn) does not load here: ${cause instanceof Error ? cause.message.split('\n')[0] : cause}.`,
      'Install it beside halfstep: npm install webgpu. It has binaries for Linux, macOS and Windows on x64 and arm64.',
      { cause },
    );
  }
}
