/** If the page's scripts do not run, its HTML and CSS alone explain why. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'playwright/test';

const OPENED_AS_FILE = new URL('../dist/index.html', import.meta.url).href;

test('when opened as a file, the page explains that browsers load no scripts from files, and how to start it', async ({
  page,
}) => {
  expect(fileURLToPath(OPENED_AS_FILE)).toMatch(/dist.index\.html$/);
  await page.goto(OPENED_AS_FILE);
  const why = page.locator('.notStarted');
  await expect(why).toBeVisible();
  await expect(why).toContainText('If the address begins with file://');
  await expect(why).toContainText('npm start');
  expect(await page.evaluate(() => '__trainer' in window)).toBe(false);
});

test('from a server, the explanation appears after 5 s without scripts, and disappears once they run', async ({
  page,
}) => {
  await page.route(/\.js$/, (route) => route.abort());
  await page.goto('/');
  const why = page.locator('.notStarted');
  await expect(why).toHaveCSS('animation-delay', '5s');
  await expect(why).toBeVisible();
  await expect(why).toContainText('If the page comes from a server');
  await page.unroute(/\.js$/);
  await page.goto('/');
  await expect(page.getByTestId('story')).toBeVisible();
  await expect(why).toHaveCount(0);
});
