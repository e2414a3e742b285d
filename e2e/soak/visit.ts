/** Opens the page with a persistent browser profile, so that saved runs survive a killed browser, and injects faults into its worker. */
import { type BrowserContext, chromium, type LaunchOptions, type Page } from 'playwright/test';
import { WAIT_MS } from '../limits.ts';
import { beforeWorker, expect, snapshot } from '../page.ts';
import { recordResults } from '../runs.ts';

/**
 * Code that runs in the worker before its own. A message on the channel `soak` destroys the GPU device, or makes the storage
 * reject the next write of at least 4 KiB with an error of the given name. Each rejected write is reported on `refused`.
 */
const FAULTS = `{
  const { requestDevice } = GPUAdapter.prototype;
  let device;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    device = await requestDevice.call(this, descriptor);
    return device;
  };
  let refusal = null;
  const { write } = FileSystemSyncAccessHandle.prototype;
  FileSystemSyncAccessHandle.prototype.write = function (from, options) {
    if (refusal === null || from.byteLength < 4096) return write.call(this, from, options);
    const name = refusal;
    refusal = null;
    new BroadcastChannel('refused').postMessage(name);
    throw new DOMException('injected', name);
  };
  new BroadcastChannel('soak').onmessage = ({ data }) => {
    if (data === 'lose') device.destroy();
    else refusal = data;
  };
}`;

export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Uncaught errors of the page. */
  readonly faults: string[];
}

/** Starts a browser with the profile directory `profile`. It opens no page of the application yet. */
export async function openVisit(profile: string, options: LaunchOptions, baseURL: string): Promise<Visit> {
  const context = await chromium.launchPersistentContext(profile, {
    ...options,
    baseURL,
    serviceWorkers: 'block', // it would answer requests that faults change
  });
  const page = context.pages()[0]!;
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await beforeWorker(page, FAULTS);
  await recordResults(page);
  await page.addInitScript(() => {
    const counted = window as unknown as { refused: number };
    counted.refused = 0;
    new BroadcastChannel('refused').onmessage = () => {
      counted.refused += 1;
    };
  });
  return { context, page, faults };
}

/** Injects a fault into the worker: a lost device, or a storage error at the next large write. */
export function inject(
  page: Page,
  fault: 'lose' | 'QuotaExceededError' | 'InvalidStateError',
): Promise<void> {
  return page.evaluate((name) => new BroadcastChannel('soak').postMessage(name), fault);
}

/** Number of writes that the storage has rejected since the page was loaded. */
export function refusals(page: Page): Promise<number> {
  return page.evaluate(() => (window as unknown as { refused: number }).refused);
}

/** The last step of the newest run; 0 before the first. */
export async function lastStep(page: Page): Promise<number> {
  return (await snapshot(page)).runs[0]?.steps.at(-1)?.step ?? 0;
}

/** The step of the newest autosave that the page shows; 0 before the first. */
export async function savedStep(page: Page): Promise<number> {
  const lines = await page.getByTestId('autosaved').allInnerTexts();
  return Number(/at step ([\d,]+)/.exec(lines[0] ?? '')?.[1]?.replaceAll(',', '') ?? 0);
}

/**
 * Waits until `value` is at least `least`, or until the run has ended for any reason.
 * @param what name of the value in the error message of a timeout
 */
export async function atLeast(
  page: Page,
  what: string,
  value: (page: Page) => Promise<number>,
  least: number,
): Promise<void> {
  await expect
    .poll(async () => (await hasEnded(page)) || (await value(page)) >= least, {
      message: `${what} of at least ${least}, or the end of the run`,
      timeout: WAIT_MS,
      intervals: [50],
    })
    .toBe(true);
}

/** Whether the run is finished, failed or lost its device. */
export async function hasEnded(page: Page): Promise<boolean> {
  return ['done', 'lost', 'failed'].includes((await snapshot(page)).status);
}
