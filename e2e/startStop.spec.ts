/** Starting and stopping repeatedly leaks no GPU memory. */
import { beforeWorker, ENDLESS, expect, reach, reachStep, test } from './page.ts';

const CYCLES = 8;

test(`GPU memory after ${CYCLES} runs equals that after the first`, async ({ page }) => {
  await beforeWorker(
    page,
    `{
      let live = 0;
      const { createBuffer } = GPUDevice.prototype;
      GPUDevice.prototype.createBuffer = function (descriptor) {
        const buffer = createBuffer.call(this, descriptor);
        live += buffer.size;
        let lives = true;
        buffer.destroy = () => {
          if (lives) live -= buffer.size;
          lives = false;
          GPUBuffer.prototype.destroy.call(buffer);
        };
        return buffer;
      };
      const channel = new BroadcastChannel('live');
      channel.onmessage = () => channel.postMessage(live);
    }`,
  );
  const liveBytes = () =>
    page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const channel = new BroadcastChannel('live');
          channel.onmessage = ({ data }) => resolve(data);
          channel.postMessage(null);
        }),
    );
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&sample=0&autosave=0.1`);
  const live: number[] = [];
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    await page.getByTestId('train').click();
    await reach(page, 'training');
    await reachStep(page, 2);
    await expect(page.getByTestId('autosaved')).toBeVisible();
    await page.getByTestId('stop').click();
    await reach(page, 'done');
    live.push(await liveBytes());
  }
  console.log(`${live[0]} bytes after each of ${CYCLES} runs`);
  expect(live[0]).toBeGreaterThan(2 ** 20);
  expect(live).toEqual(live.map(() => live[0]));
});
