/** The browser is killed at arbitrary moments, also during saves, and every step equals that of an undisturbed run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright/test';
import { integerAt } from '../src/engine/core/rng.ts';
import { killBrowser } from './killBrowser.ts';
import { ENDLESS, expect, reach, reachStep, snapshot, test } from './page.ts';
import { expectSame, type Result, recordResults, results } from './runs.ts';

const KILLS = 10;
/** The run has enough steps for all kills: how far it gets in a visit depends on the machine. */
const QUERY = `preset=smoke&steps=${ENDLESS}&batch=16&sample=0&precision=fp16&lossScale=2^34&growthInterval=9`;

test(`${KILLS} kills of the browser lose nothing`, async ({ page, baseURL }, { project }) => {
  /** The steps that each visit had reported when it ended, from the first step on. */
  const visits: Result[][] = [];
  /** Number of steps that were reported before a kill and had to be repeated. */
  let again = 0;
  const profile = mkdtempSync(join(tmpdir(), 'halfstep-profile-'));
  try {
    for (let kill = 0; kill <= KILLS; kill++) {
      const context = await chromium.launchPersistentContext(profile, {
        ...project.use.launchOptions,
        baseURL: baseURL!,
        serviceWorkers: 'block',
      });
      const visited = context.pages()[0]!;
      await resumeOrStart(visited, kill);
      const before = (await snapshot(visited)).runs[0]!.facts!.resumedAt;
      if (kill > 0) expect(before).toBeGreaterThan(0);
      again += Math.max(0, (visits.at(-1)?.at(-1)?.step ?? 0) - before);
      // Before the first save there is nothing to resume.
      if (kill === 0) await expect(visited.getByTestId('autosaved')).toBeVisible();
      await reachStep(visited, before + 4 + integerAt(kill, 1, 8));
      // An arbitrary delay: this wait is for no condition, so that the kill comes at any moment.
      await visited.waitForTimeout(integerAt(kill, 2, 60));
      visits.push(await results(visited));
      if (kill < KILLS) await killBrowser(context, profile);
      else await context.close();
    }
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }

  const steps = Math.max(...visits.map((reported) => reported.at(-1)!.step));
  await recordResults(page);
  await page.goto(`/?${QUERY}&autosave=0&autostart=1`);
  await reachStep(page, steps);
  const whole = await results(page);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  for (const reported of visits) {
    expect(reported[0]!.step).toBe(1);
    expectSame(reported, whole);
  }
  console.log(`${KILLS} resumes after ${KILLS} kills; ${again} of ${steps} steps were taken twice`);
});

/**
 * Opens the page with a save every 50 ms, so that a save is in progress most of the time. The first visit starts a run;
 * later ones resume the saved run, which the page shows a moment after it has its adapter.
 */
async function resumeOrStart(page: Page, visit: number): Promise<void> {
  await recordResults(page);
  await page.goto(`/?${QUERY}&autosave=0.05`);
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.getByTestId(visit === 0 ? 'train' : 'resume-saved').click();
  await reach(page, 'training');
}
