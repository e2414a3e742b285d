/**
 * How long the story takes from the load of the page to its verdict, with one click, in Chromium on lavapipe. Needs the
 * built page (`npx vite build`).
 *
 *   node bench/story.mjs [--times 2]
 *
 * Prints a line of JSON for each time; compiled kernels are kept between them, so that the second is warm.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { preview } from 'vite';
import { chromiumLavapipe } from '../e2e/software-gpu/environment.mjs';

const TIMEOUT_MS = 900_000;
const { values } = parseArgs({ options: { times: { type: 'string', default: '2' } } });

const root = fileURLToPath(new URL('..', import.meta.url));
const server = await preview({ root, logLevel: 'error', preview: { host: '127.0.0.1', port: 0 } });
const browser = await chromium.launch(chromiumLavapipe());

async function tellStory() {
  const page = await browser.newPage();
  const start = performance.now();
  const seconds = () => Number(((performance.now() - start) / 1000).toFixed(1));
  const reach = (...states) =>
    page.waitForFunction((wanted) => wanted.includes(document.documentElement.dataset.runState), states, {
      timeout: TIMEOUT_MS,
    });
  await page.goto(server.resolvedUrls.local[0]);
  await page.getByTestId('story-run').click({ timeout: TIMEOUT_MS });
  const clicked = seconds();
  await reach('training', 'failed', 'lost');
  const compiled = seconds();
  await reach('done', 'failed', 'lost');
  const verdict = page.locator('[data-testid="story-verdict"][data-kind]');
  await verdict.waitFor({ state: 'attached', timeout: TIMEOUT_MS });
  const ended = seconds();
  const { adapter, runs, longTasks } = await page.evaluate(() => window.__trainer.snapshot());
  const result = {
    ...{ adapter: adapter.name, modes: runs.length, steps: runs[0].config.steps },
    ...{ clicked, compiled, ended, longTasks },
    ...{ kind: await verdict.getAttribute('data-kind'), verdict: await verdict.innerText() },
  };
  await page.close();
  return result;
}

try {
  for (let i = 0; i < Number(values.times); i++) console.log(JSON.stringify(await tellStory()));
} finally {
  await browser.close();
  await server.close();
}
