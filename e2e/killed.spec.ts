/** The browser or its GPU process is killed, at any moment and in the middle of saves, and every step is the one of a run that never was. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright/test';
import { integerAt } from '../src/engine/rng.ts';
import type { Snapshot } from '../src/store/snapshot.ts';
import { killBrowser, killGpuProcess } from './killBrowser.ts';
import { beforeWorker, expect, reach, reachStep, snapshot, test } from './page.ts';

/** As many as a snapshot of the page holds. */
const STEPS = 200;
const KILLS = 10;
const QUERY = `preset=smoke&steps=${STEPS}&sample=0&precision=fp16&lossScale=2^34&growthInterval=9`;

type Step = Snapshot['runs'][number]['steps'][number];

test(`${KILLS} kills of the browser lose nothing`, async ({ page, baseURL }, { project }) => {
  test.setTimeout(600_000);
  const whole = await uninterrupted(page);
  /** Visits that went on with what an earlier one had left; the last step before a kill; steps that were taken twice. */
  let resumes = 0;
  let last = 0;
  let again = 0;
  const profile = mkdtempSync(join(tmpdir(), 'halfstep-profile-'));
  try {
    for (let kill = 0; kill <= KILLS; kill++) {
      const context = await chromium.launchPersistentContext(profile, {
        ...project.use.launchOptions,
        baseURL: baseURL!,
      });
      const visited = context.pages()[0]!;
      await resumeOrBegin(visited, kill);
      const before = (await snapshot(visited)).runs[0]!.facts!.resumedAt;
      if (before > 0) resumes += 1;
      again += Math.max(0, last - before);
      if (kill === KILLS) {
        await reach(visited, 'done');
        expect(await results(visited)).toEqual(whole);
        await context.close();
        expect(resumes).toBe(KILLS);
        console.log(`${resumes} resumes after ${KILLS} kills; ${again} of ${STEPS} steps were taken twice`);
        return;
      }
      // Before the first save there is nothing to go on with.
      if (kill === 0) await expect(visited.getByTestId('autosaved')).toBeVisible();
      await reachStep(visited, before + 4 + integerAt(kill, 1, 8));
      await visited.waitForTimeout(integerAt(kill, 2, 60));
      const steps = await results(visited);
      expect(steps).toEqual(whole.slice(0, steps.length));
      last = steps.length;
      await killBrowser(context, profile);
    }
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
});

test('training goes on by itself when the GPU process is killed; after a second kill the saved run is resumed', async ({
  page,
  baseURL,
}, { project }) => {
  const whole = await uninterrupted(page);
  const browser = await chromium.launch(project.use.launchOptions);
  const own = await browser.newPage({ baseURL: baseURL! });
  try {
    await own.goto(`/?${QUERY}&autosave=0.05`);
    await own.getByTestId('train').click();
    await expect(own.getByTestId('autosaved')).toBeVisible();
    await killGpuProcess(browser);
    await expect(own.getByTestId('trouble-deviceLost')).toContainText(/goes on from step \d+ by itself/);
    const told = (await snapshot(own)).runs[0]!.steps.length;
    await reachStep(own, told + 3);

    await killGpuProcess(browser);
    await reach(own, 'lost');
    const before = await results(own);
    expect(before).toEqual(whole.slice(0, before.length));
    expect(before.length).toBeLessThan(STEPS);
    // Chromium gives no adapter to a page that lost two devices, until the user reloads it.
    const note = own.getByTestId('run-error');
    await expect(note).toContainText(/twice within a minute.*saved at step \d+: it can be resumed/s);
    await expect(note).toContainText('Reload it with the button of the browser');
    await own.reload();
    await own.getByTestId('resume-saved').click();
    await reach(own, 'done');
    expect(await results(own)).toEqual(whole);
  } finally {
    await browser.close();
  }
});

test('an adapter that is away for seconds while the page is hidden is waited for', async ({ page }) => {
  const whole = await uninterrupted(page);
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
  await page.goto(`/?${QUERY}&autosave=0.05`);
  await page.getByTestId('train').click();
  await expect(page.getByTestId('autosaved')).toBeVisible();
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true });
    document.dispatchEvent(new Event('visibilitychange'));
    new BroadcastChannel('lose').postMessage(null);
  });
  await reach(page, 'done');
  await expect(page.getByTestId('trouble-deviceLost')).toContainText(/goes on from step \d+ by itself/);
  expect(await results(page)).toEqual(whole);
});

let wholeRun: Awaited<ReturnType<typeof results>> | undefined;

/** The results of all steps of a run that nothing happened to. */
async function uninterrupted(page: Page): Promise<Awaited<ReturnType<typeof results>>> {
  if (wholeRun) return wholeRun;
  await page.goto(`/?${QUERY}&autosave=0&autostart=1`);
  await reach(page, 'done');
  wholeRun = await results(page);
  expect(wholeRun.at(-1)!.step).toBe(STEPS);
  return wholeRun;
}

/**
 * With a save every 50 ms: most of the time one is being written. The first visit begins; later ones go on with what is
 * saved, which the page tells a moment after it has its adapter.
 */
async function resumeOrBegin(page: Page, visit: number): Promise<void> {
  await page.goto(`/?${QUERY}&autosave=0.05`);
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.getByTestId(visit === 0 ? 'train' : 'resume-saved').click();
  await reach(page, 'training', 'done');
}

async function results(page: Page): Promise<Omit<Step, 'time' | 'gpuMs'>[]> {
  const { steps } = (await snapshot(page)).runs[0]!;
  return steps.map(({ time: _, gpuMs: __, ...step }) => step);
}
