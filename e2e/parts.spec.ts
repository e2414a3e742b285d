/** A server that is down, or has another version, while the page is open. */
import { ENDLESS, expect, reach, reachStep, snapshot, test } from './page.ts';

test('a part that does not load is replaced by a note, training continues, and a retry shows it', async ({
  browser,
  baseURL,
}) => {
  const page = await browser.newPage({ baseURL: baseURL! }); // not watched, because the browser logs the failed request
  try {
    await page.route(/\/Charts-[^/]*\.js$/, (route) => route.abort());
    await page.goto(`/?preset=smoke&steps=${ENDLESS}&sample=0&autosave=1&autostart=1`);
    const note = page.getByTestId('part-missing');
    await expect(note).toHaveText(/^The charts could not be loaded\. Training continues.*Try again/);
    await expect(page.getByTestId('autosaved')).toContainText('Saved in this browser at step');
    await expect(note).toContainText('Training continues and is saved.');
    await expect(page.getByTestId('value-loss')).toHaveText(/^\d\.\d{3}$/);

    // The retry requests the part again, which fails again.
    const requested = page.waitForRequest(/\/Charts-[^/]*\.js$/);
    await note.getByRole('button', { name: 'Try again' }).click();
    await requested;
    await expect(note).toContainText('The charts could not be loaded');

    await page.unroute(/\/Charts-[^/]*\.js$/);
    const step = (await snapshot(page)).runs[0]!.steps.at(-1)!.step;
    await note.getByRole('button', { name: 'Try again' }).click();
    await expect(page.locator('path.loss-line')).toHaveCount(1);
    await expect(note).toHaveCount(0);
    await reachStep(page, step + 2);
    await page.getByTestId('stop').click();
    await reach(page, 'done');
  } finally {
    await page.close();
  }
});
