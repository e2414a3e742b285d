import { makeRunsUp } from './madeUpRuns.ts';
import { ENDLESS, expect, reach, reachStep, snapshot, test } from './page.ts';

test('long tasks are counted while the page trains, and only then', async ({ page }) => {
  await makeRunsUp(page, { stepsPerMessage: 1 });
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&precision=fp32`);
  const blockPage = (milliseconds: number) =>
    page.evaluate(
      (wanted) =>
        new Promise<void>((done) => {
          // Code evaluated from outside does not count as a task of the page, so a timer runs it.
          setTimeout(() => {
            const end = performance.now() + wanted;
            while (performance.now() < end);
            done();
          });
        }),
      milliseconds,
    );
  const longest = async () => (await snapshot(page)).longTasks!.longestMs;
  await expect(page.getByTestId('adapter')).toBeVisible();
  await blockPage(5000);
  await page.getByTestId('train').click();
  await reachStep(page, 1);
  await blockPage(1500);
  await expect.poll(longest, { message: 'longest task' }).toBeGreaterThanOrEqual(1500);
  const { count, longestMs, totalMs } = (await snapshot(page)).longTasks!;
  expect(longestMs).toBeLessThan(5000);
  expect(count).toBeGreaterThanOrEqual(1);
  expect(totalMs).toBeGreaterThanOrEqual(longestMs);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
});
