/** Opens this machine's GPU, or a software driver if there is none. */
import { type AdapterReport, EngineError, openDevice } from '../engine/index.ts';
import { loadDawn, reloadDawn } from './dawn.ts';
import { chosenDrivers, explainNoAdapter, installedDrivers, softwareNote } from './noAdapter.ts';
import { hasVulkanLoader, loadVulkan, softwareDriver } from './softwareDriver.ts';
import { show } from './terminal.ts';

interface OpenAdapter {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
}

/**
 * Opens this machine's GPU. If there is none, opens the software driver that npm has installed and prints a note.
 * @throws EngineError NO_WEBGPU when Dawn cannot be loaded, NO_ADAPTER when it finds no usable driver
 */
export async function openAdapter(): Promise<OpenAdapter> {
  if (!hasVulkanLoader()) return openSoftware();
  try {
    return await openDevice(await dawn(loadDawn));
  } catch (error) {
    if (isNoAdapter(error)) return openSoftware(error);
    throw error;
  }
}

function isNoAdapter(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code === 'NO_ADAPTER';
}

/** @param cause Dawn's error; undefined when Dawn was not tried */
async function openSoftware(cause?: EngineError): Promise<OpenAdapter> {
  const chosen = chosenDrivers(process.env);
  const refusal = (unavailable: string | null) =>
    explainNoAdapter({
      ...{ platform: process.platform, chosen, drivers: installedDrivers(), unavailable, cause },
    });
  // A user who names a driver does not want a different one.
  if (chosen) throw refusal(null);
  const driver = await softwareDriver();
  if ('unavailable' in driver) throw refusal(driver.unavailable);
  const problem = loadVulkan(driver.folder);
  try {
    const opened = await openDevice(await dawn(reloadDawn));
    show(softwareNote(), process.stderr);
    return opened;
  } catch (error) {
    if (!isNoAdapter(error)) throw error;
    throw refusal(`the software driver in ${driver.folder} does not work${problem ? ` (${problem})` : ''}`);
  }
}

async function dawn(load: typeof loadDawn): Promise<GPU> {
  try {
    return await load();
  } catch (cause) {
    throw new EngineError(
      'NO_WEBGPU',
      `The npm package "webgpu" (Dawn) could not be loaded: ${cause instanceof Error ? cause.message.split('\n')[0] : cause}.`,
      `It has binaries for Linux, macOS and Windows on x64 and arm64; this is ${process.platform} on ${process.arch}. Run npm ci again, or train in the page: npm start.`,
      { cause },
    );
  }
}
