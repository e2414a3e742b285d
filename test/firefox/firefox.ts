/**
 * Stock Firefox ESR, headless on lavapipe: the second WebGPU implementation (wgpu, Naga) that the page must support.
 */
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { ELEMENT_MS, TEST_MS, WAIT_MS } from '../../e2e/limits.ts';
import { firefoxLavapipe } from '../../e2e/software-gpu/environment.mjs';

export interface FirefoxPage {
  page: Page;
  /** Console messages and uncaught errors of the page, oldest first, as `type: text`. */
  log: string[];
  close(): Promise<void>;
}

/**
 * Starts Firefox and opens `url`, which must be a secure context (http://127.0.0.1:...), because `navigator.gpu` is
 * missing elsewhere. Each call has its own browser and profile.
 */
export async function openFirefoxPage(url: string): Promise<FirefoxPage> {
  const browser: Browser = await puppeteer.launch({
    ...firefoxLavapipe(),
    headless: true,
    timeout: ELEMENT_MS,
    // Kernels on a software GPU may run for minutes before `evaluate` answers.
    protocolTimeout: TEST_MS,
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(ELEMENT_MS);
    const log: string[] = [];
    page.on('console', (message) => {
      const index = log.push(`${message.type()}: ${message.text()}`) - 1;
      // Its text is "JSHandle@error" for an error that was logged as an object.
      for (const handle of message.args())
        void handle
          .evaluate((value) => String(value))
          .then(
            (text) => (log[index] += `\n${text}`),
            () => undefined, // the page was left
          );
    });
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

/**
 * Waits until `condition`, which runs in the page, is true; an error that it throws ends the wait. It polls from here,
 * because Puppeteer's own wait evaluates text in the page, which the page's policy forbids.
 * @param what completes "waited for" in the error of a wait that timed out, which also quotes the page's text and log
 */
export async function waitFor<A extends string | number | undefined = undefined>(
  { page, log }: FirefoxPage,
  what: string,
  condition: (argument: A) => boolean,
  argument = undefined as A,
): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!(await page.evaluate(condition as (given: unknown) => boolean, argument))) {
    if (performance.now() > end) {
      const text = await page.evaluate(() => document.body.innerText);
      throw new Error(
        `waited ${WAIT_MS / 60_000} minutes for ${what} in Firefox; its log:\n${log.join('\n')}\nits text:\n${text}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
