/**
 * `halfstep/node`: WebGPU in Node through Google's Dawn, from the npm package `webgpu`, an optional peer dependency, and models
 * in folders.
 */
import { loadDawn as load } from '../cli/dawn.ts';
import { openModelAt } from '../cli/modelAt.ts';
import { badValue, EngineError, inWords } from '../engine/index.ts';
import * as check from './checked.ts';
import { checkOpenOptions, complete, type OpenedModel, type OpenModelOptions } from './models.ts';

/**
 * Node's counterpart of `navigator.gpu`, for `openDevice`. Also defines `GPUBufferUsage` and the other WebGPU globals.
 * There is one instance per process, which later calls return; it lives as long as the process, as Dawn requires.
 * @param toggles of Dawn, in the form of the package `webgpu`; by default those that f16 on NVIDIA and matrix units
 * need
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
      `The npm package "webgpu" (Dawn) could not be loaded: ${cause instanceof Error ? cause.message.split('\n')[0] : cause}.`,
      'Install it with npm install webgpu. It has binaries for Linux, macOS and Windows on x64 and arm64.',
      { cause },
    );
  }
}

/**
 * `openModelFiles` for a path: the folder of a model as it is on Hugging Face, its file of weights (with its other files beside
 * it), or a GGUF file. A file is open only while something is read from it.
 * @throws EngineError as `openModelFiles`
 */
export async function openModelFolder(path: string, options: OpenModelOptions = {}): Promise<OpenedModel> {
  check.text('path')(path, 'openModelFolder');
  checkOpenOptions(options, 'openModelFolder');
  return complete(await openModelAt(path), options);
}
