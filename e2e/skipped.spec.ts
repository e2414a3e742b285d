/** A run that failed after ten skipped steps in a row: its model stays available, as its message says. */
import { expect, snapshot, test } from './page.ts';

test('a failed run can be sampled and exported', async ({ page }) => {
  await page.goto(
    '/?preset=smoke&steps=400&warmup=10&lr=0.1&precision=fp16-static&lossScale=2^18&sample=0&autostart=1',
  );
  await expect(page.locator('html'), 'the end of a run that only skips').toHaveAttribute(
    'data-run-state',
    'failed',
    { timeout: 150_000 },
  );
  await page.getByTestId('sample-length').fill('12');
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('sample-fp16-static')).toHaveText(/./);
  const [run] = (await snapshot(page)).runs;
  expect(run!.samples.map(({ tokens }) => tokens.length)).toEqual([12]);
  const download = page.waitForEvent('download');
  await page.getByTestId('export-model').click();
  expect((await download).suggestedFilename()).toMatch(/^halfstep-fp16-static-step-\d+-model-f32\.zip$/);
});
