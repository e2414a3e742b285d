/** The article's table on the smallest preset: from the press to the card, and what Stop and a reload leave. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright/test';
import { formatCount, formatLoss, formatTokensPerSecond } from '../src/engine/core/format.ts';
import { ARTICLE, ARTICLE_MODES, TABLE_MODES } from '../src/engine/experiments/articleTable.ts';
import { expectAccessible } from './accessible.ts';
import { expectStill, takeShifts, watchShifts } from './layoutShift.ts';
import { WAIT_MS } from './limits.ts';
import { beforeWorker, expect, snapshot, test, waitFor } from './page.ts';

/** Chosen, so that how fast the machine is changes nothing but the time. */
async function openTable(page: Page, mebibytes: number): Promise<void> {
  await page.goto('/?ui=still#table');
  await page.getByTestId('table-budget').fill(String(mebibytes));
  await page.getByTestId('table-preset').selectOption('smoke');
}

test('one press fills the table beside the article’s figures, names what vanishes without a scaler, and makes a card', async ({
  page,
}) => {
  await watchShifts(page);
  await page.goto('/?ui=still#story');
  await page.getByRole('link', { name: 'Train four formats at the largest batch that each fits' }).click();
  await expect(page.getByTestId('table-screen')).toBeVisible();
  await openTable(page, 4);
  await expectAccessible(page, 'before');
  for (const mode of ARTICLE_MODES) {
    const { tokensPerSec, batch } = ARTICLE.figures[mode];
    await expect(page.getByTestId(`table-row-${mode}`)).toContainText(formatCount(tokensPerSec));
    await expect(page.getByTestId(`table-row-${mode}`).locator('td').nth(3)).toHaveText(String(batch));
  }
  await expect(page.getByTestId('table-row-tf32')).toContainText('simulated');
  await expect(page.getByTestId('table-row-fp16-tf32')).toContainText('the same as mixed f16');

  // What fits no budget is refused with both sizes.
  await page.getByTestId('table-budget').fill('0.5');
  await page.getByTestId('table-start').click();
  await expect(page.getByTestId('table-problem')).toContainText('the budget is 0.5 MiB');
  await page.getByTestId('table-budget').fill('4');
  await page.getByTestId('table-start').click();
  await expect(page.getByTestId('table-problem')).toHaveCount(0);
  await takeShifts(page);
  await waitFor(
    page,
    'the end of the table',
    () => JSON.parse(localStorage.getItem('halfstep.table') ?? '{}').unscaled,
  );
  await expect(page.getByTestId('table-start')).toBeEnabled();
  await expect(page.getByTestId('table-problem')).toHaveCount(0);
  await expectStill(page, 'a table that is made');

  // Every figure is the run's own.
  const { runs } = await snapshot(page);
  expect(runs.map(({ config }) => config.precision)).toEqual([...TABLE_MODES]);
  for (const { config, summary } of runs.slice(0, 4)) {
    const cell = (what: string) => page.getByTestId(`table-${what}-${config.precision}`);
    expect(summary!.steps).toBe(100);
    await expect(cell('speed')).toHaveText(formatTokensPerSecond(summary!.tokensPerSec!));
    await expect(cell('batch')).toHaveText(formatCount(config.batch));
    await expect(cell('memory')).toHaveText(`${(summary!.memory.total / 2 ** 20).toFixed(1)} MiB`);
    await expect(cell('loss')).toHaveText(formatLoss(summary!.valLoss));
    expect(summary!.memory.total).toBeLessThanOrEqual(4 * 2 ** 20);
  }
  expect(runs[2]!.config.batch).toBeGreaterThan(runs[0]!.config.batch);
  // The fourth row equals the third, bit for bit.
  expect(runs[3]!.steps.map(({ loss }) => loss)).toEqual(runs[2]!.steps.map(({ loss }) => loss));
  await expect(page.getByTestId('table-estimate')).toContainText('Smoke, 100 steps in each format: about');
  const unscaled = page.getByTestId('table-unscaled');
  await expect(unscaled).toContainText('of the gradients between layers vanished');
  await expect(unscaled).toContainText(/\d+ of \d+ parameter tensors got none at all.*h\.\d/);

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByTestId('table-image').click(),
  ]);
  expect(
    readFileSync(await download.path())
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG');
  await expectAccessible(page, 'after');
  await page.setViewportSize({ width: 375, height: 800 });
  // Two lines of text and their padding, with room for a third.
  expect((await page.getByTestId('table-row-tf32').boundingBox())!.height).toBeLessThan(96);

  // The Lab shows the runs, which are no comparison; Runs does not list them.
  await page.getByTestId('tab-train').click();
  await expect(page.getByTestId('table-line')).toBeVisible();
  await expect(page.getByTestId('different-start')).toHaveCount(0);

  // The table outlives the visit.
  const speed = await page.evaluate(() => {
    location.hash = 'table';
    return document.querySelector('[data-testid=table-speed-fp16]')?.textContent ?? null;
  });
  await page.reload();
  await expect(page.getByTestId('table-speed-fp16')).toBeVisible();
  if (speed !== null) await expect(page.getByTestId('table-speed-fp16')).toHaveText(speed);
  await expect(page.getByTestId('table-incomplete')).toHaveCount(0);
});

/** For `beforeWorker`: after the row of FP32 no data is read back from the GPU, so that no other row ends. */
const HOLD_AFTER_FIRST_ROW = `{
  let [held, rows] = [false, 0];
  const post = self.postMessage.bind(self);
  self.postMessage = (event) => {
    if (event.type === 'finished') rows += 1;
    held ||= rows === 4; // three were timed
    post(event);
  };
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (...range) {
    return held ? new Promise(() => {}) : mapAsync.apply(this, range);
  };
}`;

test('a tab that is closed keeps the rows that had ended; Stop does too', async ({ page }) => {
  await beforeWorker(page, HOLD_AFTER_FIRST_ROW);
  await openTable(page, 4);
  await page.getByTestId('table-start').click();
  await expect(page.getByTestId('table-speed-fp32')).toBeVisible({ timeout: WAIT_MS });
  const speed = await page.getByTestId('table-speed-fp32').innerText();
  await page.unrouteAll();
  await page.reload();
  await expect(page.getByTestId('table-incomplete')).toBeVisible();
  await expect(page.getByTestId('table-speed-fp32')).toHaveText(speed);
  await expect(page.getByTestId('table-image')).toBeDisabled();

  await page.getByTestId('table-preset').selectOption('smoke');
  await page.getByTestId('table-start').click();
  await expect(page.getByTestId('table-status')).toContainText('Timing a few steps of Smoke');
  await page.getByTestId('table-stop').click();
  await expect(page.getByTestId('table-start')).toBeEnabled({ timeout: WAIT_MS });
  await expect(page.getByTestId('table-speed-fp32')).toHaveText(speed); // no new table was begun
});
