/**
 * SwiftShader, a Vulkan driver in software, and a Vulkan loader: an optional package brings both, so that a machine without
 * any driver can train. The package is a headless Chromium (MIT) with these two beside it (Apache-2.0).
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
/** Of the package's archive, what is used; the rest is for browsers. */
const LOADER = 'libvulkan.so.1';
const DESCRIPTION = 'vk_swiftshader_icd.json';
const FILES: readonly string[] = [LOADER, DESCRIPTION, 'libvk_swiftshader.so'];

const NAME = 'software-driver';
/** Unpacking takes a second: what is older was left by a process that was killed. */
const LEFT_AFTER_MS = 3_600_000;

/** glibc's: a library that was loaded so stays, although it is no add-on of Node's. */
const RTLD_NODELETE = 0x1000;

export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Null where the package is not installed. */
  readonly archive: Archive | null;
  /** The folder in which the driver is kept, and that for a project which this user may only read. */
  readonly cache: string;
  readonly fallback: string;
}

export interface Archive {
  readonly path: string;
  /** Of the package: another one is unpacked beside it. */
  readonly version: string;
}

/** A folder with the driver, or why there is none: half a sentence. */
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

/** The driver's folder, unpacked at the first call on a machine. */
export async function softwareDriver(machine: Machine = thisMachine()): Promise<SoftwareDriver> {
  const { platform, arch, archive, cache, fallback } = machine;
  if (platform !== 'linux' || arch !== 'x64') {
    return {
      unavailable: `the software driver that npm installs is for Linux on x64, and this is ${platform} on ${arch}`,
    };
  }
  if (archive === null) {
    return {
      unavailable: `the package ${PACKAGE}, which holds a software driver, is not installed (in the repository, npm ci installs it where it can be downloaded)`,
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

/** What lies in a folder that everybody may write to, such as /tmp, could be anybody's code. */
async function unpackedInShared(cache: string, archive: Archive): Promise<{ folder: string }> {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(cache);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new Error(`${cache} may be written by others`);
  }
  return unpackedIn(cache, archive);
}

/**
 * A folder is there as a whole or not at all: it is renamed when it is complete, and of two processes the first to do so wins.
 * @throws where the cache cannot be written
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
    chmodSync(partial, 0o755); // who installs may be another user than who trains
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
    rmSync(folder, { recursive: true, force: true }); // files were removed from it
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

/** Whether there is a Vulkan loader, on the machine or loaded: without one Dawn need not look for drivers. */
export function hasVulkanLoader(): boolean {
  return process.platform !== 'linux' || problemLoading(LOADER, constants.dlopen.RTLD_NOW) === null;
}

/**
 * Has Dawn find the driver: a Dawn that is made afterwards asks for "libvulkan.so.1", which glibc answers with a library of
 * that name that is loaded already, and the loader reads VK_ICD_FILENAMES. No path has to be set before Node starts.
 * @returns why the loader cannot be loaded; null where it is
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
    // Node says so of every library that is no add-on, after it was loaded.
    return message.startsWith('Module did not self-register') ? null : message;
  }
}
