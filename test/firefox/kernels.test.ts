/** The kernels in stock Firefox: wgpu and Naga instead of Dawn and Tint, with shader-f16 and without subgroups. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type {} from '../../e2e/harness/main.ts';
import { type FirefoxPage, openFirefoxPage } from './firefox.ts';

const ROOT = fileURLToPath(new URL('../../dist/harness', import.meta.url));
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };
const MINUTES = 60_000;

let server: Server;
let firefox: FirefoxPage;

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'index.html'))) {
    throw new Error(`${ROOT} is missing. Run: npx vite build --config vite.harness.config.ts`);
  }
  server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = join(ROOT, path === '/' ? 'index.html' : path);
    try {
      const body = await readFile(file);
      response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
      response.end(body);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  firefox = await openFirefoxPage(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await firefox.page.waitForFunction(() => 'harness' in window);
});

afterAll(async () => {
  await firefox?.close();
  server?.close();
});

test('every shader variant that Firefox can run is read, and a cover of them dispatched', {
  timeout: 15 * MINUTES,
}, async () => {
  const adapter = await firefox.page.evaluate(() => window.harness.adapter());
  const { read, ran, cannotRun, failures, seconds } = await firefox.page.evaluate(() =>
    window.harness.variants(),
  );
  console.log(
    `Firefox (${adapter.name}, ${adapter.features.join(' ')}): ${read} variants read and ${ran} run in ${seconds.toFixed(1)} s, ${cannotRun.length} need features it lacks`,
  );
  expect(failures).toEqual([]);
  expect(read).toBeGreaterThan(250);
  expect(ran).toBeGreaterThan(100);
  // It has shader-f16, and variants with subgroups are not made for an adapter without them.
  expect(cannotRun).toEqual([]);
});

test('the kernels agree with the f64 oracles', { timeout: 15 * MINUTES }, async () => {
  const { lines, failures, seconds } = await firefox.page.evaluate(() => window.harness.kernels());
  console.log(`${lines.join('\n')}\n${lines.length} cases in ${seconds.toFixed(1)} s`);
  expect(failures).toEqual([]);
});

test.each(['fp32', 'fp16', 'bf16'] as const)(
  'a short run in %s learns',
  { timeout: 10 * MINUTES },
  async (precision) => {
    const result = await firefox.page.evaluate((mode) => window.harness.train(mode), precision);
    const { losses, storage, kernels, msPerStep, gpuMsPerStep } = result;
    console.log(
      `${precision} (${storage ?? 'no halves'}, ${JSON.stringify(kernels)}): loss ${losses[0]} to ${losses.at(-1)}, ${msPerStep} ms a step, of GPU time ${gpuMsPerStep}`,
    );
    expect(losses).toHaveLength(20);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.1);
    expect(await firefox.page.evaluate(() => window.harness.problems())).toEqual([]);
  },
);
