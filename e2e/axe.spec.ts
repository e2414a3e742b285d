import { expectAccessible } from './accessible.ts';
import { expect, reach, test } from './page.ts';

test('axe finds no accessibility violations on the Train, Sweep and Runs screens, wide and narrow, in both themes, before and after a run', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&steps=6&sample=20&ui=still&modes=fp16,fp16-noscale');
  await expect(page.getByTestId('adapter')).toBeVisible();
  for (const fold of ['mode-guide', 'group-block', 'from-file', 'largest-batch', 'device']) {
    await page.getByTestId(fold).click();
  }
  for (const inside of ['guide-fp32', 'model-url', 'budget-mode-fp32', 'device-modes']) {
    await expect(page.getByTestId(inside)).toBeVisible();
  }
  await expectAccessible(page, 'Train, idle');
  await page.getByTestId('train').click();
  await reach(page, 'done');
  await expectAccessible(page, 'Train, after a run');
  await page.getByTestId('tab-sweep').click();
  await expect(page.getByTestId('sweep-rates')).toBeVisible();
  await expectAccessible(page, 'Sweep');
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('choose-run')).toHaveCount(2); // the screen is a separate chunk
  for (const index of [0, 1]) await page.getByTestId('choose-run').nth(index).check();
  await page.getByTestId('open-run').first().click();
  await expect(page.getByTestId('chosen-runs').getByTestId('chart-loss')).toBeVisible();
  await expectAccessible(page, 'Runs');
});

test('and none on My text, before and after a run', async ({ page }) => {
  await page.goto('/#text');
  const buffer = Buffer.from('Half a step, half a step, half a step onward.\n'.repeat(100));
  await page.getByTestId('own-file').setInputFiles({ name: 'verse.txt', mimeType: 'text/plain', buffer });
  await expect(page.getByTestId('my-text-line')).toContainText('about');
  await expectAccessible(page, 'My text, planned');
  await page.getByTestId('my-text-train').click();
  await reach(page, 'done');
  await expect(page.getByTestId('my-text-model')).toBeVisible();
  await expectAccessible(page, 'My text, after a run');
});
