/**
 * Provides SwiftShader, a software Vulkan driver, and a Vulkan loader from an optional package, so that a machine without
 * any driver can train. The package is a headless Chromium (MIT) that comes with these two (Apache-2.0).
 */
import {
  chmodSync,
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createBrotliDecompress } from 'node:zlib';

const PACKAGE = '@sparticuz/chromium';
/** The files of the package's archive that are used. */
const LOADER = 'libvulkan.so.1';
const DESCRIPTION = 'vk_swiftshader_icd.json';
const FILES: readonly string[] = [LOADER, DESCRIPTION, 'libvk_swiftshader.so'];

const NAME = 'software-driver';
/** Unpacking takes a second, so older partial folders were left by killed processes. */
const LEFT_AFTER_MS = 3_600_000;

/** A flag of glibc that keeps the library loaded, although Node rejects it as an add-on. */
const RTLD_NODELETE = 0x1000;

export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Null when the package is not installed. */
  readonly archive: Archive | null;
  /** The folder for the driver. `fallback` is used when this user cannot write to the project. */
  readonly cache: string;
  readonly fallback: string;
}

export interface Archive {
  readonly path: string;
  /** Version of the package. Each version is unpacked to a folder of its own. */
  readonly version: string;
}

/** A folder with the driver, or a clause that says why there is none. */
export type SoftwareDriver = { readonly folder: string } | { readonly unavailable: string };

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    archive: installedArchive(),
    cache: join(projectFolder(), '.cache'),
    fallback: join(tmpdir(), `halfstep-${process.getuid?.()}`),
  };
}

/** The nearest folder above this program with a package.json. */
function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

function installedArchive(): Archive | null {
  try {
    const root = join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), '../..');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const path = join(root, 'bin', 'swiftshader.tar.br');
    return existsSync(path) ? { path, version } : null;
  } catch {
    return null;
  }
}

/** Returns the driver's folder. The first call on a machine unpacks it. */
export async function softwareDriver(machine: Machine = thisMachine()): Promise<SoftwareDriver> {
  const { platform, arch, archive, cache, fallback } = machine;
  if (platform !== 'linux' || arch !== 'x64') {
    return {
      unavailable: `the software driver that npm installs is for Linux on x64, but this is ${platform} on ${arch}`,
    };
  }
  if (archive === null) {
    return {
      unavailable: `the package ${PACKAGE}, which contains a software driver, is not installed (in the repository, npm ci installs it if it can be downloaded)`,
    };
  }
  const first = await unpackedIn(cache, archive).catch(reasonOf);
  if (typeof first === 'object') return first;
  const second = await unpackedInShared(fallback, archive).catch(reasonOf);
  if (typeof second === 'object') return second;
  return {
    unavailable: `the software driver that npm installed could not be unpacked (${first}; ${second})`,
  };
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Unpacks to a folder in a shared place such as /tmp, but only if no other user can write to it and plant code there. */
async function unpackedInShared(cache: string, archive: Archive): Promise<{ folder: string }> {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(cache);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new Error(`${cache} is writable by other users`);
  }
  return unpackedIn(cache, archive);
}

/**
 * Unpacks the driver atomically: the folder is renamed when it is complete. If two processes do so, the first one wins.
 * @throws Error when the cache cannot be written
 */
async function unpackedIn(cache: string, { path, version }: Archive): Promise<{ folder: string }> {
  const folder = join(cache, `${NAME}-${version}`);
  if (isComplete(folder)) return { folder };
  mkdirSync(cache, { recursive: true });
  removeLeftovers(cache);
  const partial = mkdtempSync(join(cache, `${NAME}.`));
  try {
    const { extract } = await import('tar-fs');
    const only = { ignore: (entry: string) => !FILES.some((name) => entry.endsWith(`/${name}`)) };
    await pipeline(createReadStream(path), createBrotliDecompress(), extract(partial, only));
    if (!isComplete(partial)) throw new Error(`${path} lacks one of ${FILES.join(', ')}`);
    chmodSync(partial, 0o755); // the user who trains may not be the one who installed
    moveTo(folder, partial);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return { folder };
}

function moveTo(folder: string, complete: string): void {
  try {
    renameSync(complete, folder);
  } catch (cause) {
    if (isComplete(folder)) return; // another process was faster
    if (!existsSync(folder)) throw cause;
    rmSync(folder, { recursive: true, force: true }); // the folder is incomplete
    renameSync(complete, folder);
  }
}

function removeLeftovers(cache: string): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (!name.startsWith(`${NAME}.`) || Date.now() - lstatSync(path).mtimeMs < LEFT_AFTER_MS) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

function isComplete(folder: string): boolean {
  return FILES.every((name) => existsSync(join(folder, name)));
}

/** Whether a Vulkan loader is installed or already loaded. Without one, Dawn cannot find any driver. */
export function hasVulkanLoader(): boolean {
  return process.platform !== 'linux' || problemLoading(LOADER, constants.dlopen.RTLD_NOW) === null;
}

/**
 * Makes Dawn find the driver. A Dawn instance that is created later loads "libvulkan.so.1", for which glibc returns the
 * library of that name that is already loaded, and this loader reads VK_ICD_FILENAMES. So no path has to be set before
 * Node starts.
 * @returns why the loader cannot be loaded; null when it was
 */
export function loadVulkan(folder: string): string | null {
  process.env.VK_ICD_FILENAMES = join(folder, DESCRIPTION);
  return problemLoading(join(folder, LOADER), constants.dlopen.RTLD_NOW | RTLD_NODELETE);
}

function problemLoading(library: string, flags: number): string | null {
  try {
    process.dlopen({ exports: {} }, library, flags);
    return null;
  } catch (cause) {
    const { message } = cause as Error;
    // Node reports this for every library that is not an add-on, but only after loading it.
    return message.startsWith('Module did not self-register') ? null : message;
  }
}
