import { makeRunsUp } from './madeUpRuns.ts';
import { ENDLESS, expect, reach, reachStep, snapshot, test } from './page.ts';

test('tasks that hold the page up while it trains are counted, and no others', async ({ page }) => {
  await makeRunsUp(page, { stepsPerMessage: 1 });
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&precision=fp32`);
  const holdUp = (milliseconds: number) =>
    page.evaluate(
      (wanted) =>
        new Promise<void>((done) => {
          // What is evaluated from outside is no task of the page's.
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
  await holdUp(5000);
  await page.getByTestId('train').click();
  await reachStep(page, 1);
  await holdUp(1500);
  await expect.poll(longest, { message: 'longest task' }).toBeGreaterThanOrEqual(1500);
  const { count, longestMs, totalMs } = (await snapshot(page)).longTasks!;
  expect(longestMs).toBeLessThan(5000);
  expect(count).toBeGreaterThanOrEqual(1);
  expect(totalMs).toBeGreaterThanOrEqual(longestMs);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
});
