/** The browser itself is killed, at any moment and in the middle of saves, and every step is the one of a run that never was. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright/test';
import { integerAt } from '../src/engine/core/rng.ts';
import { killBrowser } from './killBrowser.ts';
import { ENDLESS, expect, reach, reachStep, snapshot, test } from './page.ts';
import { expectSame, type Result, recordResults, results } from './runs.ts';

const KILLS = 10;
/** The run goes on for as long as there is something to kill: how far it gets in a visit is the machine's affair. */
const QUERY = `preset=smoke&steps=${ENDLESS}&batch=16&sample=0&precision=fp16&lossScale=2^34&growthInterval=9`;

test(`${KILLS} kills of the browser lose nothing`, async ({ page, baseURL }, { project }) => {
  /** What each visit had reported when it ended, from the first step on. */
  const visits: Result[][] = [];
  /** Steps that were reported before a kill and had to be taken again. */
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
      if (kill > 0) expect(before).toBeGreaterThan(0);
      again += Math.max(0, (visits.at(-1)?.at(-1)?.step ?? 0) - before);
      // Before the first save there is nothing to go on with.
      if (kill === 0) await expect(visited.getByTestId('autosaved')).toBeVisible();
      await reachStep(visited, before + 4 + integerAt(kill, 1, 8));
      // Any moment will do, so this one wait is for nothing in particular.
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
 * With a save every 50 ms: most of the time one is being written. The first visit begins; later ones go on with what is
 * saved, which the page tells a moment after it has its adapter.
 */
async function resumeOrBegin(page: Page, visit: number): Promise<void> {
  await recordResults(page);
  await page.goto(`/?${QUERY}&autosave=0.05`);
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.getByTestId(visit === 0 ? 'train' : 'resume-saved').click();
  await reach(page, 'training');
}
