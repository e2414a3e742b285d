/** This machine's GPU, or why there is none. */
import { EngineError } from '../engine/errors.ts';
import { type AdapterReport, openDevice } from '../engine/index.ts';
import { loadDawn } from './dawn.ts';
import { explainNoAdapter, installedDrivers } from './noAdapter.ts';

/** f16 on NVIDIA is behind a toggle in Dawn's Vulkan backend, and experimental features are behind another. */
const DAWN_OPTIONS = ['enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis'];

/**
 * Opens this machine's GPU.
 * @throws EngineError NO_WEBGPU when Dawn cannot be loaded, NO_ADAPTER when it finds no usable driver
 */
export async function openAdapter(): Promise<{ device: GPUDevice; report: AdapterReport }> {
  try {
    return await openDevice(await dawn());
  } catch (error) {
    if (error instanceof EngineError && error.code === 'NO_ADAPTER') {
      throw explainNoAdapter(process.platform, process.env.VK_ICD_FILENAMES, installedDrivers(), error);
    }
    throw error;
  }
}

async function dawn(): Promise<GPU> {
  try {
    return await loadDawn(DAWN_OPTIONS);
  } catch (cause) {
    throw new EngineError(
      'NO_WEBGPU',
      `The npm package "webgpu" (Dawn) does not load here: ${cause instanceof Error ? cause.message.split('\n')[0] : cause}.`,
      `It has binaries for Linux, macOS and Windows on x64 and arm64; this is ${process.platform} on ${process.arch}. Run npm ci again, or train in the page: npm start.`,
      { cause },
    );
  }
}
