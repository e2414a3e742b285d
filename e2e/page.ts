/** Shared by the specs: the page's automation interface, and a fixture that watches for errors and foreign requests. */
import { readFileSync } from 'node:fs';
import { test as base, errors, expect, type Page } from 'playwright/test';
import type { Snapshot } from '../src/store/snapshot.ts';
import { WAIT_MS } from './limits.ts';

type RunStatus = Snapshot['status'];

/** Fails every test whose page logs an error, throws, or sends a request to another host. */
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

/** The address of the Lab; an address with settings opens it too. */
export const LAB = '/#train';

/** Steps of a run that is still training whenever a test looks, however fast the machine; tests end it with Stop. */
export const ENDLESS = 100_000;

/**
 * Waits until `condition`, which runs in the page, returns a truthy value; an error that it throws ends the wait.
 * @param what completes "waited for" in the error of a wait that timed out
 */
export async function waitFor<R, A = undefined>(
  page: Page,
  what: string,
  condition: (argument: A) => R,
  argument = undefined as A,
): Promise<R> {
  try {
    const handle = await page.waitForFunction<R, unknown>(
      condition as unknown as (argument: unknown) => R,
      argument,
      { timeout: WAIT_MS },
    );
    return (await handle.jsonValue()) as R;
  } catch (error) {
    if (!(error instanceof errors.TimeoutError)) throw error;
    throw new Error(`waited ${WAIT_MS / 60_000} minutes for ${what}; ${await pageState(page)}`);
  }
}

/** The state of the page in a few words, for errors. */
async function pageState(page: Page): Promise<string> {
  const { status, runs, errors: faults } = await snapshot(page);
  const steps = runs.map((run) => `step ${run.steps.at(-1)?.step ?? 0} of ${run.config.steps}`);
  return `the page is ${status} (${steps.join(', ') || 'no run'}), its errors: ${JSON.stringify(faults)}`;
}

/** Waits for `<html data-run-state>`; a run that fails instead fails the test with its error. */
export async function reach(page: Page, ...wanted: RunStatus[]): Promise<void> {
  const state = await waitFor(
    page,
    `a run that is ${wanted.join(' or ')}`,
    (states) => states.find((one) => one === document.documentElement.dataset.runState) ?? false,
    [...wanted, 'failed', 'lost'],
  );
  if (!wanted.includes(state as RunStatus)) throw new Error(await pageState(page));
}

/** Waits until run number `run` has reported step `step`; fails at once if the training ends before. */
export async function reachStep(page: Page, step: number, run = 0): Promise<void> {
  const reached = await waitFor(
    page,
    `step ${step} of run ${run}`,
    ([index, least]) => {
      const { status, runs } = window.__trainer!.snapshot();
      if ((runs[index]?.steps.at(-1)?.step ?? 0) >= least) return 'reached';
      return ['done', 'failed', 'lost'].includes(status) && 'ended';
    },
    [run, step] as const,
  );
  if (reached !== 'reached')
    throw new Error(`step ${step} of run ${run} never came; ${await pageState(page)}`);
}

/** Expects that nothing is wider than the window; charts may take a moment to follow it. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const tooWide = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await expect.poll(tooWide, { message: 'pixels beyond the window' }).toBe(0);
}

/**
 * The file of a URL in the built page. Tests that change a response read the file instead of fetching it: `route.fetch`
 * reuses connections that the server may be closing and does not retry as the browser does.
 */
export function builtFile(url: string): string {
  const { pathname } = new URL(url);
  return `dist${pathname.endsWith('/') ? `${pathname}index.html` : pathname}`;
}

/** Runs `code` in the training worker before the worker's own. */
export async function beforeWorker(page: Page, code: string): Promise<void> {
  await page.route(/\/worker-[^/]*\.js$/, async (route) => {
    const own = readFileSync(builtFile(route.request().url()), 'utf8');
    await route.fulfill({ contentType: 'text/javascript', body: `${code}\n${own}` });
  });
}

/**
 * For {@link beforeWorker}: slows the worker's clock to a twentieth, so that events which must follow within a minute,
 * such as the second loss of a GPU, may take twenty. Timers are unchanged.
 */
export const SLOW_CLOCK = `{
  const { now } = Performance.prototype;
  Performance.prototype.now = function () { return now.call(this) / 20; };
}`;

export { expect };
