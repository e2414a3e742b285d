import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test as unwatched } from 'playwright/test';
import { expect, snapshot, test } from './page.ts';

const VERSE = 'Half a step, half a step, half a step onward.\n';

/** Opens the page with the visitor's own text selected, ready for an address. */
async function open(page: import('playwright/test').Page): Promise<void> {
  await page.goto('/?preset=smoke');
  await page.getByTestId('text').selectOption('own');
}

unwatched('a text from an address is loaded, tokenized and ready to train on', async ({ page }) => {
  await page.route('https://texts.example/**', (route) =>
    route.fulfill({ body: VERSE.repeat(100), headers: { 'access-control-allow-origin': '*' } }),
  );
  await open(page);
  await page.getByTestId('text-url').fill('https://texts.example/verse.txt');
  await page.getByTestId('text-url-load').click();
  await expect(page.getByTestId('own-ready')).toHaveText('verse.txt: 4,600 characters, 18 different');
  await expect(page.getByTestId('train')).toBeEnabled();
});

unwatched('a text address that cannot be used is refused with the reason', async ({ page }) => {
  await page.route('https://texts.example/missing.txt', (route) =>
    route.fulfill({ status: 404, headers: { 'access-control-allow-origin': '*' } }),
  );
  // A server that does not allow other sites to read it.
  const closed = createServer((_, response) => response.end(VERSE)).listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await open(page);
  const refused = async (address: string, message: string) => {
    await page.getByTestId('text-url').fill(address);
    await page.getByTestId('text-url-load').click();
    await expect(page.getByTestId('own-error')).toContainText(message);
  };
  await refused('texts.example/verse.txt', 'is not an http or https address');
  await refused('https://texts.example/missing.txt', 'the server answers HTTP 404');
  await refused(`http://127.0.0.1:${port}/closed.txt`, 'does not allow other sites to read it');
  await expect(page.getByTestId('train')).toBeDisabled();
  closed.close();
});

unwatched('loading a text can be cancelled', async ({ page }) => {
  await page.route('https://texts.example/slow.txt', () => {}); // never answered
  await open(page);
  await page.getByTestId('text-url').fill('https://texts.example/slow.txt');
  await page.getByTestId('text-url-load').click();
  await expect(page.getByTestId('text-progress')).toContainText('https://texts.example/slow.txt');
  await page.getByTestId('text-cancel').click();
  await expect(page.getByTestId('text-progress')).toBeHidden();
  expect((await snapshot(page)).ownText).toEqual({ state: 'none' });
});

test('a file of 40 MB shows its reading progress, and its tokens are ready in the end', async ({ page }) => {
  await open(page);
  // The progress is collected as it appears, because how long it is shown depends on the machine.
  const shown = await page.evaluateHandle(() => {
    const texts = new Set<string>();
    new MutationObserver(() => {
      const text = document.querySelector('[data-testid="text-progress"]')?.textContent;
      if (text) texts.add(text);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    return texts;
  });
  await page.evaluate((verse) => {
    const block = verse.repeat(20_000);
    const file = new File(
      Array.from({ length: 44 }, () => block),
      'long.txt',
      { type: 'text/plain' },
    );
    const data = new DataTransfer();
    data.items.add(file);
    document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, dataTransfer: data }));
  }, VERSE);
  await expect(page.getByTestId('own-ready')).toHaveText(
    'long.txt: 40,480,000 characters (40.5 MB), 18 different',
  );
  expect((await shown.evaluate((texts) => [...texts])).join('\n')).toContain('of 40.5 MB');
});
