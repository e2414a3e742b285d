/** The browser itself is killed, at any moment and in the middle of saves, and every step is the one of a run that never was. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright/test';
import { integerAt } from '../src/engine/rng.ts';
import { killBrowser } from './killBrowser.ts';
import { expect, reach, reachStep, snapshot, test } from './page.ts';
import { results } from './runs.ts';

/** As many as a snapshot of the page holds. */
const STEPS = 200;
const KILLS = 10;
const QUERY = `preset=smoke&steps=${STEPS}&batch=16&sample=0&precision=fp16&lossScale=2^34&growthInterval=9`;

test(`${KILLS} kills of the browser lose nothing`, async ({ page, baseURL }, { project }) => {
  test.setTimeout(600_000);
  await page.goto(`/?${QUERY}&autosave=0&autostart=1`);
  await reach(page, 'done');
  const whole = await results(page);
  expect(whole.at(-1)!.step).toBe(STEPS);

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
