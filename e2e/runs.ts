/** Trainings, for tests of what is kept of them. */
import type { Page } from 'playwright/test';
import { expect, reach } from './page.ts';
import { keepReported, type Result, reportedSteps, resultsOf } from './reported.ts';

export type { Result };

const QUICK = 'preset=smoke&steps=6&sample=10';

export async function train(page: Page, query: string): Promise<void> {
  await page.goto(`/?${QUICK}&${query}&autostart=1`);
  await reach(page, 'done');
}

/** Has pages that are opened from here on keep every step for {@link results}. */
export async function recordResults(page: Page): Promise<void> {
  await page.addInitScript(keepReported);
}

/** What came of the steps of a run, each once and in order; of one that went on, also what was kept of those before. */
export async function results(page: Page, run = 0): Promise<Result[]> {
  return resultsOf(await page.evaluate(reportedSteps, run));
}

/** @param whole every step of a run that nothing happened to */
export function expectSame(part: readonly Result[], whole: readonly Result[]): void {
  expect(part.length).toBeGreaterThan(0);
  expect(part).toEqual(part.map(({ step }) => whole[step - 1]));
}
