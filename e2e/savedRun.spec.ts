/** A run survives its tab: it is kept in the page's private storage and goes on, bit by bit. */
import { expect, reach, snapshot, test } from './page.ts';

const QUERY =
  '/?preset=smoke&steps=120&sample=0&eval-every=3&eval-batches=1&precision=fp16&lossScale=2^34&growthInterval=9';

test('a tab that is closed in the middle of a run leaves it to go on with, step by step the same', async ({
  page,
}) => {
  await page.goto(`${QUERY}&autosave=0&autostart=1`);
  await reach(page, 'done');
  const { steps: whole, evals } = (await snapshot(page)).runs[0]!;

  await page.goto(`${QUERY}&autosave=1&autostart=1`);
  await expect(page.getByTestId('autosaved')).toContainText('Saved in this browser at step');
  await page.goto('about:blank');

  await page.goto('/?autosave=1');
  const note = page.getByTestId('saved-run');
  await expect(note).toContainText('Mixed f16');
  await page.getByTestId('resume-saved').click();
  await reach(page, 'done');
  const [run] = (await snapshot(page)).runs;
  expect(run!.facts!.resumedAt).toBeGreaterThan(0);
  // The steps before the tab was closed are there too.
  const results = (steps: typeof whole) => steps.map(({ time: _, gpuMs: __, ...step }) => step);
  expect(results(run!.steps)).toEqual(results(whole));
  // Those of the step of the save too, which may have been cut off.
  expect(run!.evals).toEqual(evals);
  const times = run!.steps.map(({ time }) => time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  await expect(note).toHaveCount(0);

  // What has ended is nothing to go on with.
  await page.reload();
  await expect(page.getByTestId('train')).toBeEnabled();
  await expect(note).toHaveCount(0);
});
