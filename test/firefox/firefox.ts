/** Stock Firefox ESR, headless on lavapipe: the second WebGPU implementation (wgpu, Naga) that the page must run on. */
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { firefoxLavapipe } from '../../e2e/software-gpu/environment.mjs';

export interface FirefoxPage {
  page: Page;
  /** What the page wrote to its console and its uncaught errors, oldest first, as `type: text`. */
  log: string[];
  close(): Promise<void>;
}

/**
 * Starts Firefox and opens `url`, which must be one that a secure context may have (http://127.0.0.1:...):
 * `navigator.gpu` is missing elsewhere. Each call has a browser and a profile of its own.
 */
export async function openFirefoxPage(url: string): Promise<FirefoxPage> {
  const browser: Browser = await puppeteer.launch({
    ...firefoxLavapipe(),
    headless: true,
    // A kernel on a software GPU may run for minutes before `evaluate` answers.
    protocolTimeout: 600_000,
  });
  try {
    const page = await browser.newPage();
    const log: string[] = [];
    page.on('console', (message) => log.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) =>
      log.push(`error: ${error instanceof Error ? error.message : String(error)}`),
    );
    await page.goto(url);
    return { page, log, close: () => browser.close() };
  } catch (error) {
    await browser.close();
    throw error;
  }
}
