/** The built page: its size, and that any plain server can serve it from any folder. */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { CONTENT_POLICY } from '../build/contentPolicy.ts';
import { expect, reach, test } from './page.ts';
import { serveFolder } from './serveFolder.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

/** The headers that docs/deploy.md recommends. */
function documentedHeaders(): Record<string, string> {
  const block = /```headers\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs/deploy.md'), 'utf8'))![1]!;
  return Object.fromEntries(
    block
      .trim()
      .split('\n')
      .map((line) => line.split(/: (.*)/, 2) as [string, string]),
  );
}

/** The page's initial scripts: the entry and everything it imports statically. */
function initialScripts(): string[] {
  const page = readFileSync(join(DIST, 'index.html'), 'utf8');
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    const source = readFileSync(file, 'utf8');
    for (const [, name] of source.matchAll(/(?:\bfrom|\bimport)\s*["'](\.{1,2}\/[^"']+\.js)["']/g)) {
      visit(normalize(join(dirname(file), name!)));
    }
  };
  for (const [, source] of page.matchAll(/<script[^>]* src="([^"]+)"/g)) visit(join(DIST, source!));
  return [...found];
}

test('the first scripts have at most 120 KB and contain neither the engine nor recharts', () => {
  const sources = initialScripts().map((file) => readFileSync(file, 'utf8'));
  const gzipped = sources.reduce((sum, source) => sum + gzipSync(source).length, 0);
  expect(gzipped).toBeGreaterThan(50_000); // otherwise the scripts were not found
  expect(gzipped).toBeLessThanOrEqual(120_000);
  expect(sources.some((source) => source.includes('@compute'))).toBe(false);
  expect(sources.some((source) => source.includes('recharts'))).toBe(false);
});

test('the built page has no inline scripts or styles, and its policy has no exceptions', () => {
  const page = readFileSync(join(DIST, 'index.html'), 'utf8');
  expect(page).toMatch(/<meta http-equiv="Content-Security-Policy"/);
  expect(page).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/);
  expect(CONTENT_POLICY).not.toContain('unsafe');
  expect(documentedHeaders()['Content-Security-Policy']).toBe(`${CONTENT_POLICY}; frame-ancestors 'none'`);
});

test('the page trains when a plain server serves it from a folder with the documented headers', async ({
  browser,
}) => {
  const server = await serveFolder(DIST, 'npx vite build', {
    under: '/some/folder/',
    headers: documentedHeaders(),
  });
  const page = await browser.newPage(); // not watched, because its address differs from the base address
  const faults: string[] = [];
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('response', (response) => response.status() >= 400 && faults.push(response.url()));
  try {
    await page.goto(`${server.address}?preset=smoke&steps=3&sample=0&autostart=1`);
    await reach(page, 'done');
    await page.getByTestId('tab-runs').click();
    await page.getByTestId('choose-run').check();
    await expect(page.locator('.loss-line path.recharts-line-curve')).toHaveCount(1);
    expect(faults).toEqual([]);
  } finally {
    await page.close();
    server.close();
  }
});
