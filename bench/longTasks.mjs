/**
 * How busy the page's main thread is while it trains, in Chromium on lavapipe: what the page itself does (charts, tiles, the
 * log) does not depend on the GPU. Needs a built page (`npx vite build`).
 * `npm run bench -- --only longtasks` starts it and makes the table.
 *
 *   node bench/longTasks.mjs [--turns 1] [folder...]
 *
 * Each folder is a built page (default: dist). Several are measured in turns, so that versions meet the same machine.
 * Prints a line of JSON: for each training its steps, `longTasks` of the page's snapshot (tasks above 50 ms) and
 * `busySeconds`, the processor time of the main thread, which other programs on the machine change less.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { preview } from 'vite';
import { chromiumLavapipe } from '../e2e/software-gpu/environment.mjs';

const TRAININGS = ['precision=fp16', 'modes=fp32,fp16,fp16-noscale&schedule=lockstep'];
const STEPS = 300;
const MINUTES = 10;

const { values, positionals } = parseArgs({
  options: { turns: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const folders = positionals.length > 0 ? positionals : ['dist'];
const root = fileURLToPath(new URL('..', import.meta.url));

/** @param {import('playwright').CDPSession} session @returns {Promise<number>} processor time of the main thread, in s */
async function busySeconds(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  const found = metrics.find(({ name }) => name === 'TaskDuration');
  if (!found) throw new Error('This Chromium does not report TaskDuration.');
  return found.value;
}

/** @param {import('playwright').Browser} browser @param {string} folder @param {string} query */
async function measure(browser, folder, query) {
  const server = await preview({
    root,
    logLevel: 'error',
    build: { outDir: folder },
    preview: { host: '127.0.0.1', port: 0 },
  });
  const page = await browser.newPage();
  try {
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const address = server.resolvedUrls?.local[0];
    // Seldom, because each look is work of the main thread.
    const reached = (/** @type {string[]} */ states) =>
      page.waitForFunction(
        (wanted) => wanted.includes(document.documentElement.dataset.runState ?? ''),
        states,
        { timeout: MINUTES * 60_000, polling: 250 },
      );
    const ends = ['done', 'failed', 'lost'];
    await page.goto(`${address}?preset=smoke&steps=${STEPS}&sample=0&${query}&autostart=1`);
    await reached(['training', ...ends]);
    const [start, before] = [performance.now(), await busySeconds(session)];
    await reached(ends);
    const seconds = (performance.now() - start) / 1000;
    const busy = (await busySeconds(session)) - before;
    const { status, longTasks } = await page.evaluate(() => window.__trainer.snapshot());
    return { folder, query, steps: STEPS, seconds, status, longTasks, busySeconds: busy };
  } finally {
    await page.close();
    await server.close();
  }
}

const browser = await chromium.launch(chromiumLavapipe());
const results = [];
try {
  for (let turn = 0; turn < Number(values.turns); turn++) {
    for (const query of TRAININGS) {
      for (const folder of turn % 2 === 0 ? folders : [...folders].reverse()) {
        results.push(await measure(browser, folder, query));
      }
    }
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(results));
process.exitCode = results.every(({ status }) => status === 'done') ? 0 : 1;
