import { ENDLESS, expect, reach, reachStep, test } from './page.ts';

test('? lists the shortcuts, Escape closes the list, and the switch turns them off', async ({ page }) => {
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&precision=fp32&sample=0`);
  await expect(page.getByTestId('adapter')).toBeVisible();
  const help = page.getByTestId('shortcuts-help');
  await page.keyboard.press('?');
  await expect(help).toBeVisible();
  await expect(help).toContainText('start, pause and resume training');
  await page.keyboard.press('s'); // shortcuts are inactive in a dialog
  await page.keyboard.press('Escape');
  await expect(help).toBeHidden();

  await page.getByTestId('shortcuts').uncheck();
  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('?');
  await expect(help).toBeHidden();
  await page.getByTestId('shortcuts-open').click();
  await expect(help).toBeVisible();
  await help.getByRole('button', { name: 'Close' }).click();
  await expect(help).toBeHidden();
});

test('the icon shows the progress while training', async ({ page }) => {
  const icon = () => page.locator('link[rel="icon"]').getAttribute('href');
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&precision=fp32&sample=0&autostart=1`);
  await reachStep(page, 2);
  await expect.poll(icon, { message: 'the icon' }).toMatch(/^data:image\/svg\+xml,/);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  await expect.poll(icon, { message: 'the icon' }).toMatch(/favicon\.svg$/);
});
