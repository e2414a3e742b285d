/** Explains why Dawn finds no GPU, and what to do about it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../engine/index.ts';

const DRIVER_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];

/** Environment variables that tell the Vulkan loader which drivers to use. The first one that is set takes effect. */
const CHOICES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;

export interface ChosenDrivers {
  readonly variable: (typeof CHOICES)[number];
  readonly paths: string;
}

/** The drivers that the user has chosen; null when the choice is left to the loader. */
export function chosenDrivers(env: NodeJS.ProcessEnv): ChosenDrivers | null {
  const variable = CHOICES.find((name) => env[name]);
  return variable ? { variable, paths: env[variable]! } : null;
}

/** Paths of the Vulkan driver descriptions on a Linux machine. */
export function installedDrivers(): string[] {
  return DRIVER_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(folder, name)),
  );
}

/** Commands that install Mesa's software driver, by distribution. The first known name of a distribution is used. */
const MESA: Readonly<Record<string, string>> = {
  'debian 12': 'apt-get install -t bookworm-backports mesa-vulkan-drivers (with backports enabled)',
  debian: 'apt-get install mesa-vulkan-drivers',
  ubuntu: 'apt-get install mesa-vulkan-drivers',
  fedora: 'dnf install mesa-vulkan-drivers',
  rhel: 'dnf install mesa-vulkan-drivers',
  arch: 'pacman -S vulkan-swrast',
  suse: 'zypper install libvulkan_lvp',
};

/**
 * Returns the command that installs Mesa's software driver, to be run as root.
 * @param osRelease content of /etc/os-release
 */
export function mesaCommand(osRelease: string): string {
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  const id = field('ID');
  const names = [`${id} ${field('VERSION_ID')}`, id, ...field('ID_LIKE').split(' ')];
  const known = names.find((name) => Object.hasOwn(MESA, name));
  return known ? MESA[known]! : 'the package is called mesa-vulkan-drivers in most distributions';
}

function osRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

/** The note for a run on the software driver from npm. */
export function softwareNote(release = osRelease()): string {
  return `note: no GPU driver was found, so this runs on SwiftShader, a software renderer from npm. A GPU with its Vulkan driver is far faster, and Mesa's software renderer is about fifteen times as fast (to install it, as root: ${mesaCommand(release)}).\n`;
}

interface NoAdapter {
  readonly platform: NodeJS.Platform;
  readonly chosen: ChosenDrivers | null;
  /** Paths of the installed Vulkan driver descriptions. */
  readonly drivers: readonly string[];
  /** Why the software driver from npm cannot be used, as a clause; null when it was not tried. */
  readonly unavailable: string | null;
  readonly osRelease?: string;
  readonly cause?: Error | undefined;
}

/** Returns the error that explains, as far as can be seen from outside the driver, why there is no adapter and how to fix it. */
export function explainNoAdapter(facts: NoAdapter): EngineError {
  const { platform, chosen, drivers, unavailable, cause } = facts;
  const error = (reason: string, fix: string) =>
    new EngineError('NO_ADAPTER', `No GPU adapter: ${reason}.`, fix, { cause });
  if (platform !== 'linux') {
    return error('the operating system offers none to WebGPU', 'Update the graphics driver, then try again.');
  }
  const softwareFix = `Without a GPU, install Mesa's software driver, version 24 or later; as root: ${mesaCommand(facts.osRelease ?? osRelease())}.`;
  const missing = chosen?.paths.split(':').filter((path) => path && !existsSync(path)) ?? [];
  if (chosen && missing.length > 0) {
    return error(
      `${chosen.variable} names ${missing.join(', ')}, which does not exist`,
      drivers.length > 0
        ? `Unset it, or set it to one of: ${drivers.join(', ')}.`
        : 'Unset it. The software driver from npm is then used, because no other driver is installed.',
    );
  }
  const alsoNot = unavailable === null ? '' : `; ${unavailable}`;
  if (drivers.length === 0 && !chosen) {
    return error(
      `no Vulkan driver is installed (nothing in ${DRIVER_FOLDERS.join(', ')})${alsoNot}`,
      `Install the Vulkan driver of your GPU. ${softwareFix}`,
    );
  }
  const software = drivers.find((path) => /lvp_icd/.test(path));
  return error(
    `none of the Vulkan drivers works (${chosen?.paths ?? drivers.join(', ')})${alsoNot}`,
    [
      'If this machine has a GPU, check that this user can open /dev/dri/renderD128, and update the driver.',
      software && chosen?.paths !== software
        ? `To use Mesa's software driver, which must be version 24 or later, set VK_ICD_FILENAMES=${software}.`
        : softwareFix,
    ].join(' '),
  );
}
