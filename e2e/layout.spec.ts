import { expectStill, takeShifts, watchShifts } from './layoutShift.ts';
import { expect, expectNoSidewaysScroll, reach, test } from './page.ts';

const SIZES = [
  { width: 1440, height: 900 },
  { width: 375, height: 740 },
];

test('nothing is cut off and the controls stay visible in wide and narrow windows, before and after a run', async ({
  page,
}) => {
  await watchShifts(page);
  await page.goto('/?preset=smoke&steps=6&modes=fp16,fp32&sample=30&ui=still');
  for (const size of SIZES) {
    await page.setViewportSize(size);
    await expectNoSidewaysScroll(page);
    await expect(page.getByTestId('train')).toBeInViewport();
  }
  await expect(page.getByTestId('chart-loss')).toBeAttached();
  await takeShifts(page); // those of the changes of the window's size
  await page.getByTestId('train').click();
  await reach(page, 'done');
  await expectStill(page, 'a comparison on a narrow page');
  for (const size of SIZES) {
    await page.setViewportSize(size);
    await page.getByTestId('results').scrollIntoViewIfNeeded();
    await expectNoSidewaysScroll(page);
    await expect(page.getByTestId('train')).toBeInViewport();
  }
});

test('a chart that resizes late does not widen the page', async ({ page }) => {
  await page.addInitScript(() => {
    ResizeObserver.prototype.observe = () => {};
  });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto('/?preset=smoke&steps=6&sample=0&ui=still');
  await page.getByTestId('train').click();
  await reach(page, 'done');
  const plot = page.getByTestId('plot-loss').locator('svg').first();
  await expect
    .poll(async () => (await plot.boundingBox())!.width, { message: 'width of the chart' })
    .toBeGreaterThan(400);
  await page.setViewportSize({ width: 375, height: 740 });
  expect((await plot.boundingBox())!.width).toBeGreaterThan(400);
  await expectNoSidewaysScroll(page);
});

test('the theme follows the system until one is chosen, and the choice survives a reload', async ({
  page,
}) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto('/');
  const dark = await background();
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await background()).not.toBe(dark);
  await page.getByLabel('Dark').check({ force: true });
  expect(await background()).toBe(dark);
  await page.reload();
  await expect(page.getByLabel('Dark')).toBeChecked();
  expect(await background()).toBe(dark);
});

test('settings survive a reload, and an address has its own', async ({ page }) => {
  await page.goto('/?preset=smoke&precision=fp32');
  await page.getByTestId('precision').selectOption('bf16');
  await page.getByTestId('steps').fill('123');
  await page.reload();
  await expect(page.getByTestId('precision')).toHaveValue('bf16');
  await expect(page.getByTestId('steps')).toHaveValue('123');
  await page.goto('/?preset=smoke&precision=fp16');
  await expect(page.getByTestId('precision')).toHaveValue('fp16');
  await expect(page.getByTestId('steps')).not.toHaveValue('123');
});
