/** A run survives its tab: it is kept in the page's private storage and goes on, bit by bit. */
import { ENDLESS, expect, reach, reachStep, snapshot, test } from './page.ts';
import { expectSame, recordResults, results } from './runs.ts';

const EVAL_EVERY = 3;
const QUERY = `/?preset=smoke&sample=0&eval-every=${EVAL_EVERY}&eval-batches=1&precision=fp16&lossScale=2^34&growthInterval=9&autostart=1`;

test('a tab that is closed in the middle of a run leaves it to go on with, step by step the same', async ({
  page,
}) => {
  await recordResults(page);
  await page.goto(`${QUERY}&steps=${ENDLESS}&autosave=1`);
  await expect(page.getByTestId('autosaved')).toContainText('Saved in this browser at step');
  await page.goto('about:blank');

  await page.goto('/?autosave=1');
  const note = page.getByTestId('saved-run');
  await expect(note).toContainText('Mixed f16');
  await page.getByTestId('resume-saved').click();
  await expect(note).toHaveCount(0);
  await reach(page, 'training');
  const { resumedAt } = (await snapshot(page)).runs[0]!.facts!;
  expect(resumedAt).toBeGreaterThan(0);
  await reachStep(page, resumedAt + 2 * EVAL_EVERY);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  const resumed = await results(page);
  const { steps, evals } = (await snapshot(page)).runs[0]!;
  const times = steps.map(({ time }) => time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));

  const last = resumed.at(-1)!.step;
  await page.goto(`${QUERY}&steps=${ENDLESS}&autosave=0`);
  await reachStep(page, last);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  // The steps before the tab was closed are there too.
  expect(resumed[0]!.step).toBe(1);
  expectSame(resumed, await results(page));
  // Also the evaluation of the step of the save, which may have been cut off. A stop evaluates wherever it comes.
  const regular = (all: typeof evals) => all.filter(({ step }) => step <= last && step % EVAL_EVERY === 0);
  expect(regular(evals)).toEqual(regular((await snapshot(page)).runs[0]!.evals));
});

test('a run that has ended is nothing to go on with', async ({ page }) => {
  await page.goto(`${QUERY}&steps=6&autosave=1`);
  await reach(page, 'done');
  await page.reload();
  await expect(page.getByTestId('train')).toBeEnabled();
  await expect(page.getByTestId('saved-run')).toHaveCount(0);
});
