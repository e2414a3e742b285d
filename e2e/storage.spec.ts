/** A browser that stores nothing, and two tabs that store the same runs. */
import type { Page } from 'playwright/test';
import { expect, reach, test } from './page.ts';
import { train } from './runs.ts';

test('when choices cannot be stored the page works and warns once, at the first choice', async ({ page }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get: () => {
        throw new DOMException('blocked here', 'SecurityError');
      },
    });
  });
  await train(page, 'precision=fp32');
  await expect(page.getByTestId('preferences-problem')).toBeHidden();
  await page.getByLabel('Dark').check({ force: true });
  const problem = page.getByTestId('preferences-problem');
  await expect(problem).toContainText('does not let the page store anything');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await problem.getByRole('button').click();
  await page.getByLabel('Light').check({ force: true });
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
  await expect(problem).toBeHidden();
});

test('a full storage is reported as such', async ({ page }) => {
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException('no room', 'QuotaExceededError');
    };
  });
  await page.goto('/?preset=smoke');
  await page.getByTestId('shortcuts').uncheck();
  await expect(page.getByTestId('preferences-problem')).toContainText('storage for this page is full');
  await expect(page.getByTestId('shortcuts')).not.toBeChecked();
});

test('two tabs store their runs side by side, and changes in one appear in the other', async ({
  page,
  context,
}) => {
  const other = await context.newPage();
  await train(page, 'precision=fp32');
  await train(other, 'precision=bf16');
  const full = (tab: Page) =>
    tab.getByTestId('run').filter({ has: tab.getByTestId('run-mode').getByText('FP32', { exact: true }) });

  // One tab changes a run that the other has trained; the other then samples from it.
  await other.getByTestId('tab-runs').click();
  await expect(other.getByTestId('run')).toHaveCount(2);
  await full(other).getByTestId('star-run').click();
  await full(other).getByTestId('open-run').click();
  await other.getByTestId('run-name').fill('named there');
  await expect(full(other).getByTestId('open-run')).toHaveText('named there');
  await page.getByTestId('sample-prompt').fill('Call me ');
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('sample-fp32')).toHaveText(/^Call me ./);
  await page.getByTestId('tab-runs').click();
  await full(page).getByTestId('open-run').click();
  await page.getByTestId('run-note').fill('noted here');
  for (const tab of [page, other]) {
    await expect(full(tab)).toContainText('named there');
    await expect(full(tab)).toContainText('noted here');
    await expect(full(tab).getByTestId('star-run')).toHaveAttribute('aria-pressed', 'true');
    await expect(tab.getByTestId('run-details')).toContainText('Call me ');
  }

  // A run trained while the other tab shows the history appears there.
  await page.getByTestId('tab-train').click();
  await page.getByTestId('train').click();
  await reach(page, 'done');
  await expect(other.getByTestId('run')).toHaveCount(3);

  // A run deleted in one tab disappears from the other, and no later change restores it.
  await other.getByTestId('delete-run').click();
  await expect(other.getByTestId('run')).toHaveCount(2);
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('run')).toHaveCount(2);
  await page.reload();
  await expect(page.getByTestId('run')).toHaveCount(2);
});
