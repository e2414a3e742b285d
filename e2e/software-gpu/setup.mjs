/**
 * Installs what WebGPU tests need on a Debian machine without a GPU. Safe to run again: it does only what is missing.
 *
 *   node e2e/software-gpu/setup.mjs
 *
 * 1. Debian packages (as root): Chromium, Firefox ESR, and lavapipe from a Mesa that Dawn and wgpu accept.
 * 2. The Vulkan layer that lets Chromium use lavapipe, compiled into .cache/software-gpu.
 * 3. A private copy of Chromium without SwiftShader, which it would otherwise prefer to lavapipe.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAYER_NAME, paths } from './environment.mjs';
import { ensurePackages } from './packages.mjs';
import { fail, run, say } from './run.mjs';

const LAYER_SOURCE = fileURLToPath(new URL('cpu_as_swiftshader_layer.c', import.meta.url));
const GCC_FLAGS = ['-O2', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '-fvisibility=hidden'];
const SWIFTSHADER = ['libvk_swiftshader.so', 'vk_swiftshader_icd.json'];

/** Whether `stamp` holds `content` and all `products` exist, so that there is nothing to do. */
function isCurrent(stamp, content, products) {
  return [stamp, ...products].every((path) => existsSync(path)) && readFileSync(stamp, 'utf8') === content;
}

function buildLayer() {
  const stamp = join(paths.cache, 'layer.stamp');
  const hash = createHash('sha256').update(readFileSync(LAYER_SOURCE)).digest('hex');
  const content = `${hash} ${paths.layer}`; // includes the path, because the manifest contains it and a working tree may be moved
  if (isCurrent(stamp, content, [paths.layer, paths.layerManifest])) return;
  say('compiling the Vulkan layer');
  run('gcc', [...GCC_FLAGS, '-o', paths.layer, LAYER_SOURCE]);
  const layer = {
    name: LAYER_NAME,
    type: 'GLOBAL',
    library_path: paths.layer,
    api_version: '1.3.0',
    implementation_version: '1',
    description: 'Reports CPU devices with the ids of SwiftShader',
  };
  writeFileSync(paths.layerManifest, `${JSON.stringify({ file_format_version: '1.1.2', layer }, null, 2)}\n`);
  writeFileSync(stamp, content);
}

/** @param {string} version of the package: a new one is copied again */
function copyChromium(version) {
  const stamp = join(paths.cache, 'chromium.stamp');
  if (isCurrent(stamp, version, [join(paths.privateChromium, 'chromium')])) return;
  say(`copying Chromium ${version} without SwiftShader`);
  const partial = `${paths.privateChromium}.partial`;
  const copy = (flags) => {
    rmSync(partial, { recursive: true, force: true });
    return spawnSync('cp', [flags, paths.debianChromium, partial]).status === 0;
  };
  // Hard links take no space, but need the same file system and, unless root creates them, ownership.
  if (!copy('-al') && !copy('-a')) fail(`could not copy ${paths.debianChromium} to ${partial}`);
  for (const name of SWIFTSHADER) rmSync(join(partial, name), { force: true });
  rmSync(paths.privateChromium, { recursive: true, force: true });
  renameSync(partial, paths.privateChromium);
  writeFileSync(stamp, version);
}

const start = performance.now();
mkdirSync(paths.cache, { recursive: true });
const installed = ensurePackages();
buildLayer();
copyChromium(installed.get('chromium') ?? '');
const versions = ['chromium', 'firefox-esr', 'mesa-vulkan-drivers'].map(
  (name) => `${name} ${installed.get(name)}`,
);
say(`ready in ${((performance.now() - start) / 1000).toFixed(1)} s: ${versions.join(', ')}`);
