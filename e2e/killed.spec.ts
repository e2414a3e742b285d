/** The browser itself is killed, at any moment and in the middle of saves, and every step is the one of a run that never was. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright/test';
import { integerAt } from '../src/engine/rng.ts';
import type { Snapshot } from '../src/store/snapshot.ts';
import { expect, reach, reachStep, snapshot, test } from './page.ts';

/** As many as a snapshot of the page holds. */
const STEPS = 200;
const KILLS = 10;
const QUERY = `preset=smoke&steps=${STEPS}&sample=0&precision=fp16&lossScale=2^34&growthInterval=9`;

type Step = Snapshot['runs'][number]['steps'][number];

test(`${KILLS} kills of the browser lose nothing`, async ({ page, baseURL }, { project }) => {
  test.setTimeout(600_000);
  await page.goto(`/?${QUERY}&autosave=0&autostart=1`);
  await reach(page, 'done');
  const whole = await results(page);
  expect(whole.at(-1)!.step).toBe(STEPS);

  const profile = mkdtempSync(join(tmpdir(), 'halfstep-profile-'));
  try {
    for (let kill = 0; kill <= KILLS; kill++) {
      const context = await chromium.launchPersistentContext(profile, {
        ...project.use.launchOptions,
        baseURL: baseURL!,
      });
      const visited = context.pages()[0]!;
      await resumeOrBegin(visited);
      const before = (await snapshot(visited)).runs[0]!.steps[0]?.step ?? 0;
      if (kill === KILLS) {
        await reach(visited, 'done');
        expectSame(await results(visited), whole);
        await context.close();
        return;
      }
      await reachStep(visited, before + 4 + integerAt(kill, 1, 8));
      await visited.waitForTimeout(integerAt(kill, 2, 60));
      expectSame(await results(visited), whole);
      await killBrowser(context, profile);
    }
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
});

/**
 * With a save every 50 ms: most of the time one is being written.
 * The first visit begins; later ones go on with what is saved, or begin again where nothing was saved yet.
 */
async function resumeOrBegin(page: Page): Promise<void> {
  await page.goto(`/?${QUERY}&autosave=0.05`);
  await expect(page.getByTestId('train')).toBeEnabled();
  const saved = page.getByTestId('resume-saved');
  await page.waitForTimeout(500); // what is saved is told a moment after the adapter is
  await ((await saved.count()) > 0 ? saved : page.getByTestId('train')).click();
  await reachStep(page, 1);
}

async function results(page: Page): Promise<Omit<Step, 'time' | 'gpuMs'>[]> {
  const { steps } = (await snapshot(page)).runs[0]!;
  return steps.map(({ time: _, gpuMs: __, ...step }) => step);
}

function expectSame(steps: readonly { step: number }[], whole: readonly { step: number }[]): void {
  const first = steps[0]!.step - 1;
  expect(steps).toEqual(whole.slice(first, first + steps.length));
}

/** SIGKILL to every process of the browser: none of them can write another word. */
async function killBrowser(context: BrowserContext, profile: string): Promise<void> {
  const closed = context.waitForEvent('close');
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (commandLine(id).includes(`--user-data-dir=${profile}`)) process.kill(Number(id), 'SIGKILL');
  }
  await closed;
}

/** Empty for a process that has ended meanwhile. */
function commandLine(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
