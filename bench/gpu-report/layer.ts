/** Builds the Vulkan layer once into .cache/gpu-report, and makes the environment in which Dawn finds RADV's null device. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../src/engine/index.ts';
import type { Family } from './families.ts';

const LAYER_NAME = 'VK_LAYER_HALFSTEP_null_gpu';
const GCC_FLAGS = ['-O1', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '-fvisibility=hidden'];
const ICD_FOLDER = '/usr/share/vulkan/icd.d';

/** RADV's ICD file. Its name differs between Mesa builds (`radeon_icd.json`, `radeon_icd.x86_64.json`). */
function radvIcd(folder: string): string {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const name = names.find((file) => /^radeon_icd.*\.json$/.test(file));
  if (name) return join(folder, name);
  throw missing(`RADV's Vulkan driver is not installed: there is no radeon_icd*.json in ${folder}.`);
}

function missing(message: string, cause?: unknown): EngineError {
  return new EngineError(
    'NO_ADAPTER',
    message,
    'Run: node e2e/software-gpu/setup.mjs (as root on Debian). It installs mesa-vulkan-drivers, which has RADV, gcc and libvulkan-dev.',
    { cause },
  );
}

/**
 * Returns the variables that make a process compile for a GPU of `family`.
 * @param root of the repository
 * @param listings folder into which the layer writes
 * @param icdFolder where Vulkan drivers are named
 * @throws EngineError NO_ADAPTER where RADV or the compiler of the layer is missing
 */
export function nullDeviceEnv(
  root: string,
  family: Family,
  listings: string,
  icdFolder = ICD_FOLDER,
): Record<string, string> {
  const cache = join(root, '.cache', 'gpu-report');
  const runtime = join(cache, 'xdg-runtime');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const icd = radvIcd(icdFolder);
  buildLayer(join(root, 'bench', 'gpu-report', 'null_gpu_layer.c'), cache);
  return {
    VK_ICD_FILENAMES: icd,
    VK_LAYER_PATH: cache,
    VK_INSTANCE_LAYERS: LAYER_NAME,
    RADV_FORCE_FAMILY: family,
    XDG_RUNTIME_DIR: runtime,
    HALFSTEP_LISTINGS: listings,
  };
}

/** The manifest is written last, so that it stands for a layer that is whole, and holds the source that it was built from. */
function buildLayer(source: string, cache: string): void {
  const manifest = join(cache, 'null_gpu.json');
  const text = readFileSync(source, 'utf8');
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const library = join(cache, `libnull_gpu-${hash}.so`);
  const content = JSON.stringify({
    file_format_version: '1.1.2',
    layer: {
      ...{ name: LAYER_NAME, type: 'GLOBAL', library_path: library, api_version: '1.3.0' },
      ...{ implementation_version: '1', description: "Compiles on RADV's null device" },
    },
  });
  if (existsSync(library) && existsSync(manifest) && readFileSync(manifest, 'utf8') === content) return;
  const partial = `${library}.${process.pid}`;
  const { error, status, stderr } = spawnSync('gcc', [...GCC_FLAGS, '-o', partial, source], {
    encoding: 'utf8',
  });
  if (error || status !== 0) {
    const detail = error ? error.message : stderr.trim().split('\n').slice(-5).join('\n');
    throw missing(`The Vulkan layer of the report could not be compiled with gcc: ${detail}`, error);
  }
  renameSync(partial, library);
  writeFileSync(manifest, content);
}
