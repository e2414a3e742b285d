/**
 * The GPU process is killed, or the adapter is unavailable for a while: training resumes, and every step equals that of
 * an undisturbed run.
 */
import { chromium, type Page } from 'playwright/test';
import { killGpuProcess } from './killBrowser.ts';
import { beforeWorker, ENDLESS, expect, reach, reachStep, SLOW_CLOCK, test } from './page.ts';
import { expectSame, type Result, recordResults, results } from './runs.ts';

const QUERY = `preset=smoke&steps=${ENDLESS}&batch=32&sample=0&precision=fp16&lossScale=2^34&growthInterval=9`;

test('training resumes by itself when the GPU process is killed; after a second kill the saved run can be resumed', async ({
  page,
  baseURL,
}, { project }) => {
  const browser = await chromium.launch(project.use.launchOptions);
  const own = await browser.newPage({ baseURL: baseURL! });
  try {
    await beforeWorker(own, SLOW_CLOCK);
    await trainUntilSaved(own);
    await killGpuProcess(browser);
    await expectResumed(own);

    await killGpuProcess(browser);
    await reach(own, 'lost');
    const killed = await results(own);
    // Chromium gives no adapter to a page that lost two devices, until the user reloads it.
    const note = own.getByTestId('run-error');
    await expect(note).toContainText(/twice within a minute.*saved at step \d+: it can be resumed/s);
    await expect(note).toContainText("Reload the page with the browser's button");

    await own.reload();
    await own.getByTestId('resume-saved').click();
    await reachStep(own, killed.at(-1)!.step + 3);
    const resumed = await stopped(own);
    const whole = await undisturbed(page, resumed.at(-1)!.step);
    expectSame(killed, whole);
    expectSame(resumed, whole);
  } finally {
    await browser.close();
  }
});

test('training waits for an adapter that is unavailable for seconds while the page is hidden', async ({
  page,
}) => {
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
  await expectResumed(page);
  const steps = await stopped(page);
  expectSame(steps, await undisturbed(page, steps.at(-1)!.step));
});

async function trainUntilSaved(page: Page): Promise<void> {
  await recordResults(page);
  await page.goto(`/?${QUERY}&autosave=0.05`);
  await page.getByTestId('train').click();
  await expect(page.getByTestId('autosaved')).toBeVisible();
}

async function expectResumed(page: Page): Promise<void> {
  await expect(page.getByTestId('warning-deviceLost')).toContainText(/resumes from step \d+ automatically/);
  await reachStep(page, (await results(page)).at(-1)!.step + 3);
}

async function stopped(page: Page): Promise<Result[]> {
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  const steps = await results(page);
  expect(steps[0]!.step).toBe(1);
  return steps;
}

/** An undisturbed run of at least this many steps. */
async function undisturbed(page: Page, steps: number): Promise<Result[]> {
  await recordResults(page);
  await page.goto(`/?${QUERY}&autosave=0&autostart=1`);
  await reachStep(page, steps);
  return stopped(page);
}
