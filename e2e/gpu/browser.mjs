/** Finds the machine's own browser for the page tests on a GPU, and the options that give it a WebGPU adapter. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright';
import { NATIVE_VULKAN, QUIET, SANDBOX } from '../software-gpu/environment.mjs';

/** Browsers that Playwright finds by itself, in the order in which they are tried. */
const CHANNELS = /** @type {const} */ (['chrome', 'msedge']);

/** Where Chromium is installed; Playwright's own channel of that name is a browser that it downloads. */
const CHROMIUM = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

export const BROWSERS = [...CHANNELS, 'chromium'];

/** @typedef {import('playwright').LaunchOptions} LaunchOptions */

/**
 * Launch options that select a browser.
 * @param {string} name one of BROWSERS, or a path
 * @returns {LaunchOptions | null} null if Chromium is not installed
 */
function selectedBy(name) {
  if (CHANNELS.some((channel) => channel === name)) return { channel: name };
  const path = name === 'chromium' ? CHROMIUM.find((one) => existsSync(one)) : name;
  return path === undefined ? null : { executablePath: path };
}

/**
 * Launch options for the machine's own GPU. Chrome on Linux offers WebGPU only with flags, and without a display only
 * through Vulkan; on macOS and Windows it needs none.
 * @param {LaunchOptions} browser @param {NodeJS.Platform} platform
 * @returns {LaunchOptions}
 */
export function hardwareOptions(browser, platform) {
  const args = platform === 'linux' ? NATIVE_VULKAN : [];
  // Playwright's default would allow SwiftShader in place of a GPU.
  return {
    ...browser,
    args: [...args, ...QUIET, ...SANDBOX],
    ignoreDefaultArgs: ['--enable-unsafe-swiftshader'],
  };
}

/**
 * Launch options for Chromium's software renderer.
 * @param {LaunchOptions} browser
 * @returns {LaunchOptions}
 */
function softwareOptions(browser) {
  return { ...browser, args: ['--enable-unsafe-webgpu', ...QUIET, ...SANDBOX] };
}

/**
 * The first browser that starts and has a WebGPU adapter.
 * @param {{ wanted: string | null, headed: boolean, allowSoftware: boolean }} choice `wanted` is one of BROWSERS, or a path
 * @returns {Promise<LaunchOptions>}
 * @throws Error naming each browser that was tried and what was wrong with it
 */
export async function findBrowser({ wanted, headed, allowSoftware }) {
  const problems = [];
  for (const name of wanted === null ? BROWSERS : [wanted]) {
    const browser = selectedBy(name);
    if (!browser) {
      problems.push(`${name}: not installed`);
      continue;
    }
    const kinds = [
      hardwareOptions(browser, process.platform),
      ...(allowSoftware ? [softwareOptions(browser)] : []),
    ];
    for (const options of kinds) {
      const problem = await problemOf({ ...options, headless: !headed });
      if (problem === null) return { ...options, headless: !headed };
      problems.push(`${name}: ${problem}`);
    }
  }
  throw new Error(
    [
      'No browser on this machine starts with a WebGPU adapter.',
      ...problems.map((problem) => `  ${problem}`),
      'Install Chrome and the driver of the GPU (on Linux its Vulkan driver; `vulkaninfo --summary` must list the GPU),',
      'or select a browser with --browser. --headed may help where the GPU needs a display; --allow-software accepts a CPU renderer.',
    ].join('\n'),
  );
}

/**
 * Why a browser cannot be used; null if it has an adapter.
 * @param {LaunchOptions} options
 */
async function problemOf(options) {
  let browser;
  try {
    browser = await chromium.launch(options);
  } catch (error) {
    return `does not start: ${String(error).split('\n')[0]}`;
  }
  try {
    const page = await browser.newPage();
    // WebGPU needs a secure context. Nothing is requested from the network.
    await page.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    await page.goto('https://adapter.invalid/');
    const has = await page.evaluate(async () => (await navigator.gpu?.requestAdapter()) != null);
    return has ? null : `version ${browser.version()} has no WebGPU adapter`;
  } finally {
    await browser.close();
  }
}
