/** Tests the page in stock Firefox: it trains, saves, and resumes after a reload with identical bits. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ELEMENT_MS } from '../../e2e/limits.ts';
import { keepReported, type Result, reportedSteps, resultsOf } from '../../e2e/reported.ts';
import { type FolderServer, serveFolder } from '../../e2e/serveFolder.ts';
import { WARM_UP_STEPS } from '../../src/engine/train/metrics.ts';
import type { Snapshot } from '../../src/store/snapshot.ts';
import { type FirefoxPage, openFirefoxPage, waitFor } from './firefox.ts';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
/** Far more steps than are taken before Stop. Loss scales that overflow repeatedly show that the scale is saved too. */
const QUERY =
  '?preset=smoke&steps=100000&sample=0&eval-batches=1&precision=fp16&lossScale=2^34&growthInterval=9';

let server: FolderServer;
let firefox: FirefoxPage;

beforeAll(async () => {
  server = await serveFolder(DIST, 'npx vite build');
  // No page of the application: one that is left while its parts load logs that they did not come.
  firefox = await openFirefoxPage(`${server.address}favicon.svg`);
  await firefox.page.evaluateOnNewDocument(keepReported);
});

afterAll(async () => {
  await firefox?.close();
  server?.close();
});

test('a page that is left while it trains releases the storage, even though the browser keeps the page', async () => {
  const { page } = firefox;
  // Nothing is saved, so that the test below starts with an empty storage, as this one does.
  await page.goto(`${server.address}${QUERY}&autosave=1000`);
  await press('train');
  await reach('training');
  const held = () => page.evaluate(async () => (await navigator.locks.query()).held?.map(({ name }) => name));
  expect(await held()).toEqual(['halfstep.saved-run', 'halfstep.saved-run.kept']);
  // Firefox keeps the page: here nothing freezes its worker, which keeps training unless the page terminates it.
  await page.evaluate(() => {
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
  });
  await expect.poll(held, { timeout: ELEMENT_MS }).toEqual([]);
  // When it is shown again it starts like any page.
  await page.evaluate(() => {
    Object.assign(window, { isTheOldOne: true });
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
  });
  await waitFor(firefox, 'the page, loaded anew', () => !('isTheOldOne' in window) && '__trainer' in window);
  await press('train');
  await reach('training');
  expect(await held()).toEqual(['halfstep.saved-run', 'halfstep.saved-run.kept']);
});

test('a saved run resumes after a reload, and every step equals that of an undisturbed run', async () => {
  const { page, log } = firefox;
  await page.goto(`${server.address}${QUERY}&autosave=0.2`);
  await press('train');
  await waitFor(firefox, 'the first save', () => {
    const { errors } = window.__trainer!.snapshot();
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    return document.querySelector('[data-testid="autosaved"]') !== null;
  });
  await page.reload();
  await press('resume-saved');
  await reach('training');
  const { resumedAt } = (await snapshot()).runs[0]!.facts!;
  expect(resumedAt).toBeGreaterThan(0);
  const resumed = await stopAfter(resumedAt + 5);
  expect(resumed[0]!.step).toBe(1);
  expect(resumed.some(({ skipped }) => skipped)).toBe(true);
  expect((await snapshot()).runs[0]!.summary!.valLoss).toBeGreaterThan(0);

  await page.goto(`${server.address}${QUERY}&autosave=0&autostart=1`);
  const whole = await stopAfter(resumed.at(-1)!.step + WARM_UP_STEPS);
  const { tokensPerSec, mfu } = (await snapshot()).runs[0]!.summary!;
  console.log(`${tokensPerSec} tokens/s, ${mfu} of the measured peak`);
  // Both are null in a run that is stopped before its first counted step.
  expect(tokensPerSec).toBeGreaterThan(0);
  expect(mfu).toBeGreaterThan(0);
  expect(mfu).toBeLessThan(1);
  console.log(`${resumed.length} steps in Firefox, resumed after step ${resumedAt}`);
  expect(resumed).toEqual(whole.slice(0, resumed.length));
  expect(log.filter((line) => line.startsWith('error'))).toEqual([]);
});

function snapshot(): Promise<Snapshot> {
  return firefox.page.evaluate(() => window.__trainer!.snapshot());
}

async function press(testId: string): Promise<void> {
  await waitFor(
    firefox,
    `${testId}, to press it`,
    (selector) => {
      const button = document.querySelector<HTMLButtonElement>(selector);
      if (!button || button.disabled) return false;
      button.click();
      return true;
    },
    `[data-testid="${testId}"]`,
  );
}

async function reach(status: Snapshot['status']): Promise<void> {
  await waitFor(
    firefox,
    `a run that is ${status}`,
    (wanted) => {
      const { status: now, errors } = window.__trainer!.snapshot();
      if (errors.length > 0) throw new Error(JSON.stringify(errors));
      return now === wanted;
    },
    status,
  );
}

/** Presses Stop once the run has taken this many steps. @returns the results of all its steps */
async function stopAfter(step: number): Promise<Result[]> {
  await waitFor(
    firefox,
    `step ${step}`,
    (least) => {
      const { runs, errors } = window.__trainer!.snapshot();
      if (errors.length > 0) throw new Error(JSON.stringify(errors));
      return (runs[0]?.steps.at(-1)?.step ?? 0) >= least;
    },
    step,
  );
  await press('stop');
  await reach('done');
  return resultsOf(await firefox.page.evaluate(reportedSteps, 0));
}
