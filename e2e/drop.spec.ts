/** Files dropped on the page are handled by their content. */
import { drop } from './dropFile.ts';
import { ENDLESS, expect, snapshot, test } from './page.ts';
import { train } from './runs.ts';

const VERSE = 'Half a step, half a step, half a step onward.\n';

test('dropped runs are imported on both screens, a text is used for training, and other files are refused with the reason', async ({
  page,
}) => {
  await train(page, 'precision=fp32');
  await page.getByTestId('tab-runs').click();
  const rows = page.getByTestId('run');
  await expect(rows).toHaveCount(1);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('export').click()]);
  const bundle = await download.createReadStream().then(async (stream) => {
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    return Buffer.concat(parts).toString();
  });
  const problem = page.getByTestId('import-problem');
  const clear = async () => {
    await page.getByTestId('clear-runs').click();
    await expect(page.getByTestId('no-runs')).toBeVisible();
  };

  await clear();
  await drop(page, 'runs.json', bundle);
  await expect(rows).toHaveCount(1);
  await drop(page, 'verse.txt', VERSE);
  await expect(problem).toContainText('To train on a text, drop it on the Train screen.');
  await drop(page, 'half.json', bundle.slice(0, bundle.length / 2));
  await expect(problem).toContainText('incomplete JSON');
  await expect(rows).toHaveCount(1);

  // A bundle dropped on the Train screen is imported, not used as a text.
  await clear();
  await page.getByTestId('tab-train').click();
  await drop(page, 'runs.json', bundle);
  await expect(page).toHaveURL(/#runs$/);
  await expect(rows).toHaveCount(1);

  await page.getByTestId('tab-train').click();
  await drop(page, 'picture.png', '\u0089PNG\u0000\u0000');
  await expect(page.getByTestId('own-error')).toContainText('binary');
  await drop(page, 'verse.txt', VERSE.repeat(100));
  await expect(page.getByTestId('own-ready')).toContainText('verse.txt');
});

test('dropped files are ignored while a training needs its text', async ({ page }) => {
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&sample=0&precision=fp32&autostart=1`);
  await expect(page.locator('html')).toHaveAttribute('data-run-state', 'training');
  const { settings } = await snapshot(page);
  await drop(page, 'verse.txt', VERSE.repeat(100));
  expect(await snapshot(page)).toMatchObject({ status: 'training', settings });
});
