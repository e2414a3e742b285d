/** The GPU's process is killed, or its adapter is away for a while: training goes on, and every step is the one of a run that never was disturbed. */
import { chromium, type Page } from 'playwright/test';
import { killGpuProcess } from './killBrowser.ts';
import { beforeWorker, expect, reach, reachStep, test } from './page.ts';
import { results } from './runs.ts';

/** More steps than a test waits for, so slow that what it waits for are fewer than the 200 that a snapshot of the page holds. */
const QUERY = 'preset=smoke&steps=5000&batch=32&sample=0&precision=fp16&lossScale=2^34&growthInterval=9';

test('training goes on by itself when the GPU process is killed; after a second kill the saved run is resumed', async ({
  page,
  baseURL,
}, { project }) => {
  test.setTimeout(300_000);
  const browser = await chromium.launch(project.use.launchOptions);
  const own = await browser.newPage({ baseURL: baseURL! });
  try {
    await trainUntilSaved(own);
    await killGpuProcess(browser);
    await goesOn(own);

    await killGpuProcess(browser);
    await reach(own, 'lost');
    const killed = await results(own);
    // Chromium gives no adapter to a page that lost two devices, until the user reloads it.
    const note = own.getByTestId('run-error');
    await expect(note).toContainText(/twice within a minute.*saved at step \d+: it can be resumed/s);
    await expect(note).toContainText('Reload it with the button of the browser');

    await own.reload();
    await own.getByTestId('resume-saved').click();
    await reachStep(own, killed.length + 3);
    const resumed = await stopped(own);
    expect(resumed.slice(0, killed.length)).toEqual(killed);
    expect(resumed).toEqual(await undisturbed(page, resumed.length));
  } finally {
    await browser.close();
  }
});

test('an adapter that is away for seconds while the page is hidden is waited for', async ({ page }) => {
  test.setTimeout(300_000);
  await beforeWorker(
    page,
    `let away = 0;
     const { requestAdapter } = GPU.prototype;
     const { requestDevice } = GPUAdapter.prototype;
     GPU.prototype.requestAdapter = async function (options) {
       return away-- > 0 ? null : requestAdapter.call(this, options);
     };
     GPUAdapter.prototype.requestDevice = async function (descriptor) {
       const device = await requestDevice.call(this, descriptor);
       new BroadcastChannel('lose').onmessage = () => { away = 3; device.destroy(); };
       return device;
     };`,
  );
  await trainUntilSaved(page);
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true });
    document.dispatchEvent(new Event('visibilitychange'));
    new BroadcastChannel('lose').postMessage(null);
  });
  await goesOn(page);
  const steps = await stopped(page);
  expect(steps).toEqual(await undisturbed(page, steps.length));
});

async function trainUntilSaved(page: Page): Promise<void> {
  await page.goto(`/?${QUERY}&autosave=0.05`);
  await page.getByTestId('train').click();
  await expect(page.getByTestId('autosaved')).toBeVisible();
}

async function goesOn(page: Page): Promise<void> {
  await expect(page.getByTestId('trouble-deviceLost')).toContainText(/goes on from step \d+ by itself/);
  await reachStep(page, (await results(page)).length + 3);
}

async function stopped(page: Page): Promise<Awaited<ReturnType<typeof results>>> {
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  const steps = await results(page);
  expect(steps[0]!.step).toBe(1);
  return steps;
}

/** The results of the first steps of a run that nothing happened to. */
async function undisturbed(page: Page, steps: number): Promise<Awaited<ReturnType<typeof results>>> {
  await page.goto(`/?${QUERY}&autosave=0&autostart=1`);
  await reachStep(page, steps);
  return (await stopped(page)).slice(0, steps);
}
