/**
 * Where the software GPUs are, and how each engine is started on one. See setup.mjs, which installs them.
 *
 * - SwiftShader: bundled with Chromium; WebGPU without `shader-f16`, subgroups of 4.
 * - lavapipe: Mesa's CPU driver; WebGPU with `shader-f16`, subgroups of 8 (none in Firefox).
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repo = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(repo, '.cache');

export const LAYER_NAME = 'VK_LAYER_HALFSTEP_cpu_as_swiftshader';

/** Paths that setup.mjs creates or its packages install. */
export const paths = {
  cache: join(cache, 'software-gpu'),
  layer: join(cache, 'software-gpu', 'libcpu_as_swiftshader.so'),
  layerManifest: join(cache, 'software-gpu', 'cpu_as_swiftshader.json'),
  debianChromium: '/usr/lib/chromium',
  privateChromium: join(cache, 'software-gpu', 'chromium'),
  firefox: '/usr/lib/firefox-esr/firefox-esr',
  icdDirectory: '/usr/share/vulkan/icd.d',
};

/** lavapipe's ICD file, or undefined. Its name differs between Mesa builds (`lvp_icd.json`, `lvp_icd.x86_64.json`). */
export function findLavapipeIcd() {
  if (!existsSync(paths.icdDirectory)) return undefined;
  const names = readdirSync(paths.icdDirectory).filter((name) => /^lvp_icd.*\.json$/.test(name));
  // Multiarch machines have one file per architecture.
  const machine = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686' }[process.arch] ?? process.arch;
  const name = names.find((n) => n === 'lvp_icd.json' || n.includes(machine)) ?? names[0];
  return name && join(paths.icdDirectory, name);
}

/** @param {string} path @param {string} what */
function need(path, what) {
  if (!path || !existsSync(path)) {
    throw new Error(`${what} not found${path ? ` at ${path}` : ''}. Run: node e2e/software-gpu/setup.mjs`);
  }
  return path;
}

/** @returns {Record<string, string>} the caller's environment, without holes */
function ownEnv() {
  return Object.fromEntries(Object.entries(process.env).filter((entry) => entry[1] !== undefined));
}

/**
 * The variables that make a Vulkan program use lavapipe. They must be set before the program loads Vulkan.
 * Compiled shaders are kept between runs, which saves most of the start-up time of GPU tests.
 * @returns {Record<string, string>}
 */
export function lavapipeEnv() {
  const icd = need(findLavapipeIcd(), "lavapipe's Vulkan ICD (package mesa-vulkan-drivers)");
  const runtime = join(cache, 'xdg-runtime');
  const shaders = join(cache, 'mesa');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  mkdirSync(shaders, { recursive: true });
  return { VK_ICD_FILENAMES: icd, XDG_RUNTIME_DIR: runtime, MESA_SHADER_CACHE_DIR: shaders };
}

/**
 * Makes lavapipe compile shaders without optimising them: in half the time, but they run at half the speed. For tests
 * that compile more than they compute. This code is cached separately from optimised code.
 */
export const COMPILE_QUICKLY = { GALLIVM_PERF: 'nopt' };

// On an isolated network, Chromium's background requests fail in large numbers and slow its start.
export const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
];
// Chromium refuses to run its sandbox as root, the usual user in containers and on CI machines.
export const SANDBOX = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

/** Playwright launch options: Debian's Chromium on its bundled SwiftShader. */
export function chromiumSwiftShader() {
  return {
    executablePath: need(join(paths.debianChromium, 'chromium'), "Debian's Chromium"),
    args: ['--enable-unsafe-webgpu', ...QUIET, ...SANDBOX],
    env: ownEnv(),
    ignoreDefaultArgs: /** @type {string[]} */ ([]),
  };
}

// WebGPU through the system's Vulkan driver, without a display.
export const NATIVE_VULKAN = [
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-vulkan=native',
  '--use-angle=vulkan',
  '--disable-vulkan-surface',
  '--ignore-gpu-blocklist',
];

/** Playwright launch options: the private Chromium without SwiftShader, on lavapipe disguised by the layer. */
export function chromiumLavapipe() {
  need(paths.layerManifest, 'The Vulkan layer');
  need(paths.layer, 'The Vulkan layer');
  return {
    executablePath: need(join(paths.privateChromium, 'chromium'), 'The private copy of Chromium'),
    args: [...NATIVE_VULKAN, ...QUIET, ...SANDBOX],
    env: { ...ownEnv(), ...lavapipeEnv(), VK_LAYER_PATH: paths.cache, VK_INSTANCE_LAYERS: LAYER_NAME },
    // Playwright's default would make Chromium look for the SwiftShader that this copy lacks.
    ignoreDefaultArgs: ['--enable-unsafe-swiftshader'],
  };
}

/** Playwright launch options: Debian's Chromium on the machine's own GPU. */
export function chromiumHardware() {
  return {
    executablePath: need(join(paths.debianChromium, 'chromium'), "Debian's Chromium"),
    args: [...NATIVE_VULKAN, ...QUIET, ...SANDBOX],
    env: ownEnv(),
    ignoreDefaultArgs: ['--enable-unsafe-swiftshader'],
  };
}

/** puppeteer-core launch options (over WebDriver BiDi): Debian's Firefox ESR on lavapipe. */
export function firefoxLavapipe() {
  return {
    browser: /** @type {'firefox'} */ ('firefox'),
    executablePath: need(paths.firefox, "Debian's Firefox ESR"),
    env: { ...ownEnv(), ...lavapipeEnv(), ...COMPILE_QUICKLY },
    extraPrefsFirefox: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true },
  };
}
