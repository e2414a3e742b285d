/** Short trainings, for tests of what is kept of them. */
import type { Page } from 'playwright/test';
import { reach } from './page.ts';

const QUICK = 'preset=smoke&steps=6&sample=10';

export async function train(page: Page, query: string): Promise<void> {
  await page.goto(`/?${QUICK}&${query}&autostart=1`);
  await reach(page, 'done');
}
