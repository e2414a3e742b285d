/**
 * The page requests its own files from its own server and a text from the address that the visitor entered, and nothing
 * else.
 */
import { test } from 'playwright/test';
import { expect, reach, snapshot } from './page.ts';

test('a complete session requests nothing from other hosts but the text whose address was entered', async ({
  page,
  context,
  baseURL,
}) => {
  const requested: string[] = [];
  context.on('request', (request) => requested.push(request.url()));
  page.on('websocket', (socket) => requested.push(socket.url()));
  await context.route('https://texts.example/**', (route) =>
    route.fulfill({
      body: 'Half a step, half a step. '.repeat(200),
      headers: { 'access-control-allow-origin': '*' },
    }),
  );

  // A comparison with samples, whose last run is exported for a cluster.
  await page.goto('/?preset=smoke&modes=fp32,bf16&steps=4&sample=8&eval-batches=1&autostart=1');
  await reach(page, 'done');
  await expect(page.getByTestId('sample-bf16')).toBeVisible();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByTestId('export-cluster').click(),
  ]);
  expect(download.suggestedFilename()).toBe('halfstep-bf16-step-4-cluster.zip');

  // A sweep of one cell.
  await page.getByTestId('tab-sweep').click();
  await page.getByTestId('sweep-mode-fp16').uncheck();
  await page.getByTestId('sweep-rates').fill('1e-3');
  await page.getByTestId('sweep-seeds').fill('1');
  await page.getByTestId('sweep-start').click();
  await expect(page.getByTestId('sweep-progress')).toContainText('1 of 1 cells');
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('run')).toHaveCount(2);

  // A single run is saved, on a text from an address, in GPT-2's tokens.
  await page.getByTestId('tab-train').click();
  await page.getByTestId('text').selectOption('own');
  await page.getByTestId('group-data').click();
  await page.getByTestId('tokenizer').selectOption('gpt2');
  await page.getByTestId('text-url').fill('https://texts.example/verse.txt');
  await page.getByTestId('text-url-load').click();
  await expect(page.getByTestId('own-ready')).toContainText('verse.txt');
  expect((await snapshot(page)).ownText).toMatchObject({ facts: { vocabulary: 50257 } });

  const own = requested.filter((url) => url.startsWith(`${baseURL}/`));
  const others = requested.filter((url) => !own.includes(url) && !/^(data|blob):/.test(url));
  expect(others).toEqual(['https://texts.example/verse.txt']);
  // The worker's requests are among those observed.
  for (const file of [
    /\/texts\/moby-dick\.txt$/,
    /\/train_ddp\.py$/,
    /\/halfstep_model\.py$/,
    /\/r50k_base-[^/]+\.js$/,
  ]) {
    expect(own.some((url) => file.test(url))).toBe(true);
  }
});
