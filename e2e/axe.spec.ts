import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright/test';
import { expect, reach, test } from './page.ts';

/** Fails with the rule, the element and what is wrong with it. */
async function expectAccessible(page: Page, where: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations, passes } = await new AxeBuilder({ page }).analyze();
    expect(passes.length).toBeGreaterThan(15);
    const told = violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    );
    expect(told, `${where}, ${colorScheme}`).toEqual([]);
  }
}

test('no barrier that axe knows of, on either screen, in either theme, before and after a run', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&steps=6&sample=20&ui=still&compare=fp16-noscale');
  await expect(page.getByTestId('adapter')).toBeVisible();
  await expectAccessible(page, 'Train, idle');
  await page.getByTestId('train').click();
  await reach(page, 'done');
  await expectAccessible(page, 'Train, after a run');
  await page.getByTestId('tab-runs').click();
  for (const choice of await page.getByTestId('choose-run').all()) await choice.check();
  await page.getByTestId('open-run').first().click();
  await expect(page.getByTestId('chosen-runs').getByTestId('chart-loss')).toBeVisible();
  await expectAccessible(page, 'Runs');
});
