/**
 * How long the page's main thread is held up while it trains, in Chromium on lavapipe: what the page itself does (charts,
 * tiles, the log) does not depend on the GPU. Needs the built page (`npx vite build`).
 * `npm run bench -- --only longtasks` starts it and makes the table.
 *
 *   node bench/longTasks.mjs
 *
 * Prints a line of JSON: for each training, its steps and `longTasks` of the page's snapshot (tasks above 50 ms).
 */
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { preview } from 'vite';
import { chromiumLavapipe } from '../e2e/software-gpu/environment.mjs';

const TRAININGS = ['precision=fp16', 'modes=fp32,fp16,fp16-noscale&schedule=lockstep'];
const STEPS = 300;

const root = fileURLToPath(new URL('..', import.meta.url));
const server = await preview({ root, logLevel: 'error', preview: { host: '127.0.0.1', port: 0 } });
const browser = await chromium.launch(chromiumLavapipe());
const results = [];
try {
  for (const query of TRAININGS) {
    const page = await browser.newPage();
    const start = performance.now();
    await page.goto(
      `${server.resolvedUrls.local[0]}?preset=smoke&steps=${STEPS}&sample=0&${query}&autostart=1`,
    );
    await page.waitForFunction(
      () => ['done', 'failed', 'lost'].includes(document.documentElement.dataset.runState),
      null,
      { timeout: 600_000 },
    );
    const { status, longTasks } = await page.evaluate(() => window.__trainer.snapshot());
    const seconds = (performance.now() - start) / 1000;
    results.push({ query, steps: STEPS, seconds, status, longTasks });
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
console.log(JSON.stringify(results));
process.exitCode = results.every(({ status }) => status === 'done') ? 0 : 1;
