/** Trains runs, for tests of what is stored of them. */
import type { Page } from 'playwright/test';
import { expect, reach } from './page.ts';
import { keepReported, type Result, reportedSteps, resultsOf } from './reported.ts';

export type { Result };

const QUICK = 'preset=smoke&steps=6&sample=10';

export async function train(page: Page, query: string): Promise<void> {
  await page.goto(`/?${QUICK}&${query}&autostart=1`);
  await reach(page, 'done');
}

/** Makes pages that are opened from now on keep every step for {@link results}. */
export async function recordResults(page: Page): Promise<void> {
  await page.addInitScript(keepReported);
}

/** The results of a run's steps, each once and in order; for a resumed run including the stored ones. */
export async function results(page: Page, run = 0): Promise<Result[]> {
  return resultsOf(await page.evaluate(reportedSteps, run));
}

/** @param whole every step of an undisturbed run */
export function expectSame(part: readonly Result[], whole: readonly Result[]): void {
  expect(part.length).toBeGreaterThan(0);
  expect(part).toEqual(part.map(({ step }) => whole[step - 1]));
}
