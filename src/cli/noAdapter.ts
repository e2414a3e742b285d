/** What to say, and what to do, when Dawn finds no GPU. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../engine/index.ts';

const DRIVER_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];

/** Variables by which the Vulkan loader is told what drivers there are; the first that is set counts. */
const CHOICES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;

export interface ChosenDrivers {
  readonly variable: (typeof CHOICES)[number];
  readonly paths: string;
}

/** The drivers that the user has named; null where that is left to the loader. */
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

/** How distributions install Mesa's software driver, by the first of their names that is known. */
const MESA: Readonly<Record<string, string>> = {
  'debian 12': 'apt-get install -t bookworm-backports mesa-vulkan-drivers (backports have to be enabled)',
  debian: 'apt-get install mesa-vulkan-drivers',
  ubuntu: 'apt-get install mesa-vulkan-drivers',
  fedora: 'dnf install mesa-vulkan-drivers',
  rhel: 'dnf install mesa-vulkan-drivers',
  arch: 'pacman -S vulkan-swrast',
  suse: 'zypper install libvulkan_lvp',
};

/**
 * The command, to be run as root.
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

/** For a run on the driver that came with npm: one line. */
export function softwareNote(release = osRelease()): string {
  return `note: no GPU driver was found, so this runs on SwiftShader, a software renderer from npm. A GPU with its Vulkan driver is far faster, and Mesa's software renderer about fifteen times as fast (as root: ${mesaCommand(release)}).\n`;
}

interface NoAdapter {
  readonly platform: NodeJS.Platform;
  readonly chosen: ChosenDrivers | null;
  /** Paths of the installed Vulkan driver descriptions. */
  readonly drivers: readonly string[];
  /** Why the software driver from npm does not help, in half a sentence; null where it was not asked. */
  readonly unavailable: string | null;
  readonly osRelease?: string;
  readonly cause?: Error | undefined;
}

/** Why there is no adapter, as far as it can be seen from outside the driver, and the exact fix. */
export function explainNoAdapter(facts: NoAdapter): EngineError {
  const { platform, chosen, drivers, unavailable, cause } = facts;
  const error = (reason: string, fix: string) =>
    new EngineError('NO_ADAPTER', `No GPU adapter: ${reason}.`, fix, { cause });
  if (platform !== 'linux') {
    return error('the operating system offers none to WebGPU', 'Update the graphics driver, then try again.');
  }
  const softwareFix = `Without a GPU, Mesa's software driver will do, version 24 or later; as root: ${mesaCommand(facts.osRelease ?? osRelease())}.`;
  const missing = chosen?.paths.split(':').filter((path) => path && !existsSync(path)) ?? [];
  if (chosen && missing.length > 0) {
    return error(
      `${chosen.variable} names ${missing.join(', ')}, which does not exist`,
      drivers.length > 0
        ? `Unset it, or set it to one of: ${drivers.join(', ')}.`
        : 'Unset it: where no driver is installed, the software driver from npm is used.',
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
    `none of the Vulkan drivers works here (${chosen?.paths ?? drivers.join(', ')})${alsoNot}`,
    [
      'If this machine has a GPU, check that this user may open /dev/dri/renderD128 and update its driver.',
      software && chosen?.paths !== software
        ? `Mesa's software driver can be forced with VK_ICD_FILENAMES=${software}; it must be version 24 or later.`
        : softwareFix,
    ].join(' '),
  );
}
