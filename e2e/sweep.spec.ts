import { readFileSync } from 'node:fs';
import type { Page } from 'playwright/test';
import { readSweep } from '../src/engine/experiments/sweepFile.ts';
import { expectAccessible } from './accessible.ts';
import { beforeWorker, ENDLESS, expect, test } from './page.ts';

async function finishedCells(page: Page): Promise<number> {
  return Number.parseInt(await page.getByTestId('sweep-progress').innerText(), 10);
}

/** For `beforeWorker`: after the first training no data is read back from the GPU, so that no other training ends. */
const HOLD_AFTER_FIRST = `{
  let held = false;
  const post = self.postMessage.bind(self);
  self.postMessage = (event) => {
    held ||= event.type === 'finished';
    post(event);
  };
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (...range) {
    return held ? new Promise(() => {}) : mapAsync.apply(this, range);
  };
}`;

test('a sweep fills in, survives a reload, continues, and is exported', async ({ page }) => {
  await beforeWorker(page, HOLD_AFTER_FIRST);
  await page.goto('/?preset=smoke#sweep');
  await expect(page.getByTestId('no-sweeps')).toContainText('No sweeps yet');

  // An impossible sweep is refused before anything starts.
  const start = page.getByTestId('sweep-start');
  await page.getByTestId('sweep-rates').fill('');
  await expect(page.getByTestId('sweep-problem')).toContainText('has no learning rate');
  await expect(start).toBeDisabled();
  await page.getByTestId('sweep-rates').fill('1e-3, 10');
  await page.getByTestId('sweep-seeds').fill('1');
  await page.getByTestId('sweep-steps').fill('12');
  await expect(start).toHaveText('Train 4 cells');

  await start.click();
  await expect.poll(() => finishedCells(page), { message: 'finished cells' }).toBe(1);
  await expect(page.getByTestId('sweep-live')).toContainText('Mixed f16, seed 1337');
  const first = await page.getByTestId('sweep-fp32-0.001').locator('span').first().innerText();
  expect(first).toMatch(/^\d\.\d{3} \(0\/1\)$/);

  // The tab is closed in the middle of a cell: finished cells are kept, and nothing starts by itself.
  await page.unrouteAll();
  await page.reload();
  await expect.poll(() => finishedCells(page), { message: 'finished cells' }).toBe(1);
  await expect(page.getByTestId('sweep-fp32-0.001')).toContainText(first);
  await expect(page.getByTestId('sweep-continue')).toHaveText('Continue, 3 left');
  await page.getByTestId('sweep-continue').click();
  await expect(page.getByTestId('sweep-progress')).toContainText('4 of 4 cells are finished.');
  await expect(page.getByTestId('sweep-continue')).toHaveCount(0);
  // Which of the two it is depends on the rounding of the adapter.
  await expect(page.getByTestId('sweep-fp16-10')).toContainText(/(diverged|far above the best) \(1\/1\)/);

  // The file has the command line's format; cells are not listed as runs.
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByTestId('sweep-json').click(),
  ]);
  const sweep = readSweep(readFileSync(await download.path(), 'utf8'), 'download');
  expect(sweep.settings).toMatchObject({ steps: 12, evalEvery: 0, text: 'Moby Dick', layers: 2 });
  expect(sweep.cells.map(({ mode, learningRate }) => `${mode} ${learningRate}`)).toEqual([
    'fp32 0.001',
    'fp16 0.001',
    'fp32 10',
    'fp16 10',
  ]);
  await page.getByTestId('sweep-cells').locator('summary').click();
  await expect(page.getByTestId('sweep-cell')).toHaveCount(4);

  await expectAccessible(page, 'Sweep, finished');
  await page.getByTestId('sweep-delete').click();
  await expect(page.getByTestId('no-sweeps')).toBeVisible();
  await page.keyboard.press('4');
  await expect(page.getByTestId('no-runs')).toContainText('No runs yet');
});

test('Stop keeps finished cells and discards the current one', async ({ page }) => {
  await page.goto('/?preset=smoke#sweep');
  await page.getByTestId('sweep-steps').fill(String(ENDLESS));
  await page.getByTestId('sweep-start').click();
  await expect(page.getByTestId('sweep-live')).toContainText(/step \d/);
  await page.getByTestId('tab-train').click(); // its curves are shown like those of any run
  await expect(page.getByTestId('sweep-line')).toBeVisible();
  await page.getByTestId('tab-sweep').click();
  await page.getByTestId('sweep-stop').click();
  await expect(page.getByTestId('sweep-continue')).toBeEnabled();
  expect(await finishedCells(page)).toBe(0);
});
