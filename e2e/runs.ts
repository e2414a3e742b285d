/** Short trainings, for tests of what is kept of them. */
import type { Page } from 'playwright/test';
import type { Snapshot } from '../src/store/snapshot.ts';
import { reach, snapshot } from './page.ts';

const QUICK = 'preset=smoke&steps=6&sample=10';

export async function train(page: Page, query: string): Promise<void> {
  await page.goto(`/?${QUICK}&${query}&autostart=1`);
  await reach(page, 'done');
}

type Step = Snapshot['runs'][number]['steps'][number];

/** What came of each step, up to the 200 that a snapshot of the page holds: all but its times. */
export async function results(page: Page): Promise<Omit<Step, 'time' | 'gpuMs'>[]> {
  const { steps } = (await snapshot(page)).runs[0]!;
  return steps.map(({ time: _, gpuMs: __, ...step }) => step);
}
