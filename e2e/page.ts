/** What the specs share: the page's automation contract, and a watch over what a page must never do. */
import { test as base, expect, type Page } from 'playwright/test';
import type { Snapshot } from '../src/store/snapshot.ts';

type RunStatus = Snapshot['status'];

/** Fails every test whose page logs an error, throws, or asks anything of another host. */
export const test = base.extend<{ watched: undefined }>({
  watched: [
    async ({ page, baseURL }, use) => {
      const faults: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') faults.push(`console: ${message.text()}`);
      });
      page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
      page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(`${baseURL}/`) && !/^(data|blob):/.test(url)) faults.push(`request: ${url}`);
      });
      await use(undefined);
      expect(faults).toEqual([]);
    },
    { auto: true },
  ],
});

export function snapshot(page: Page): Promise<Snapshot> {
  return page.evaluate(() => {
    if (!window.__trainer) throw new Error('the page has no window.__trainer');
    return window.__trainer.snapshot();
  });
}

/** Waits for `<html data-run-state>`; a run that fails instead fails the test with its error. */
export async function reach(page: Page, ...wanted: RunStatus[]): Promise<void> {
  const ends = [...wanted, 'failed', 'lost'];
  const handle = await page.waitForFunction(
    (states) => states.find((state) => state === document.documentElement.dataset.runState),
    ends,
    { timeout: 150_000 },
  );
  const state = (await handle.jsonValue()) as RunStatus;
  if (!wanted.includes(state)) {
    throw new Error(`the run is ${state}: ${JSON.stringify((await snapshot(page)).errors)}`);
  }
}

/** Waits until the run of index `run` has reported so many steps. */
export async function reachStep(page: Page, step: number, run = 0): Promise<void> {
  await page.waitForFunction(
    ([index, least]) => (window.__trainer?.snapshot().runs[index]?.steps.at(-1)?.step ?? 0) >= least,
    [run, step] as const,
    { timeout: 150_000 },
  );
}

/** Nothing is wider than the window; charts may take a moment to follow it. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const tooWide = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await expect.poll(tooWide, { message: 'pixels beyond the window' }).toBe(0);
}

/** Runs `code` in the training worker before the worker's own. */
export async function beforeWorker(page: Page, code: string): Promise<void> {
  await page.route(/\/worker-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${code}\n${await response.text()}` });
  });
}

export { expect };
