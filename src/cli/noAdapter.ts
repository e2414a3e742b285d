/** What to do when Dawn finds no GPU. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../engine/errors.ts';

const DRIVER_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];

/** Paths of the Vulkan driver descriptions on a Linux machine. */
export function installedDrivers(): string[] {
  return DRIVER_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(folder, name)),
  );
}

const SOFTWARE_FIX =
  'Without a GPU, Mesa\'s software driver will do: run "node e2e/software-gpu/setup.mjs" as root, or on Debian 12 with backports "apt-get install -t bookworm-backports mesa-vulkan-drivers".';

/**
 * Why there is no adapter, as far as it can be seen from outside the driver, and the exact fix.
 * @param chosen value of VK_ICD_FILENAMES
 * @param drivers paths of the installed Vulkan driver descriptions
 */
export function explainNoAdapter(
  platform: NodeJS.Platform,
  chosen: string | undefined,
  drivers: readonly string[],
  cause?: Error,
): EngineError {
  const error = (reason: string, fix: string) =>
    new EngineError('NO_ADAPTER', `No GPU adapter: ${reason}.`, fix, { cause });
  if (platform !== 'linux') {
    return error('the operating system offers none to WebGPU', 'Update the graphics driver, then try again.');
  }
  const missing = chosen?.split(':').filter((path) => path && !existsSync(path)) ?? [];
  if (missing.length > 0) {
    return error(
      `VK_ICD_FILENAMES names ${missing.join(', ')}, which does not exist`,
      drivers.length > 0
        ? `Unset it, or set it to one of: ${drivers.join(', ')}.`
        : `Unset it. ${SOFTWARE_FIX}`,
    );
  }
  if (drivers.length === 0 && !chosen) {
    return error(
      `no Vulkan driver is installed (nothing in ${DRIVER_FOLDERS.join(', ')})`,
      `Install the Vulkan driver of your GPU. ${SOFTWARE_FIX}`,
    );
  }
  const software = drivers.find((path) => /lvp_icd/.test(path));
  return error(
    `none of the Vulkan drivers works here (${chosen ?? drivers.join(', ')})`,
    [
      'If this machine has a GPU, check that this user may open /dev/dri/renderD128 and update its driver.',
      software && chosen !== software
        ? `Mesa's software driver can be forced with VK_ICD_FILENAMES=${software}; it must be version 24 or later.`
        : SOFTWARE_FIX,
    ].join(' '),
  );
}
