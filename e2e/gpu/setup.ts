/** Runs before the page tests on a GPU: prints browser, adapter and the specs that are left out, and refuses a software adapter. */
import { chromium, type FullConfig } from 'playwright/test';
import { adapterName, isSoftwareAdapter } from '../../src/engine/gpu/adapterName.ts';
import { leftOut } from './leftOut.mjs';

export default async function setup({ projects: [project] }: FullConfig): Promise<void> {
  const { launchOptions, baseURL } = project!.use;
  const browser = await chromium.launch(launchOptions);
  try {
    const page = await browser.newPage();
    await page.goto(baseURL!);
    const info = await page.evaluate(async () => {
      const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
      if (!adapter) return null;
      const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
      return { vendor, architecture, description, isFallbackAdapter };
    });
    if (!info) throw new Error('The browser has no WebGPU adapter for the page.');
    const name = adapterName(info);
    const { channel, executablePath, headless } = launchOptions!;
    console.log(
      `browser: ${channel ?? executablePath} ${browser.version()}, ${headless ? 'headless' : 'headed'}, on ${process.platform}`,
    );
    console.log(`adapter: ${name}${isSoftwareAdapter(info) ? ' (software)' : ''}`);
    for (const { file, reason } of leftOut(process.platform)) console.log(`not run: ${file}: ${reason}`);
    console.log('not run: the projects swiftshader and lavapipe, which are for software adapters');
    if (isSoftwareAdapter(info) && process.env.HALFSTEP_ALLOW_SOFTWARE !== '1') {
      const error = new Error(
        `The browser's adapter "${name}" is a software renderer, so nothing would be tested on a GPU. Install the driver of the GPU, try --headed or another --browser, or accept it with --allow-software.`,
      );
      // The sentence says all; lines of code around it would hide it.
      error.stack = '';
      throw error;
    }
  } finally {
    await browser.close();
  }
}
