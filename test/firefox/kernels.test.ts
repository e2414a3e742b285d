/** Runs the kernels in stock Firefox: wgpu and Naga instead of Dawn and Tint, with shader-f16 and without subgroups. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type {} from '../../e2e/harness/main.ts';
import { type FolderServer, serveFolder } from '../../e2e/serveFolder.ts';
import { type FirefoxPage, openFirefoxPage, waitFor } from './firefox.ts';

const HARNESS = fileURLToPath(new URL('../../dist/harness', import.meta.url));

let server: FolderServer;
let firefox: FirefoxPage;

beforeAll(async () => {
  server = await serveFolder(HARNESS, 'npx vite build --config vite.harness.config.ts');
  firefox = await openFirefoxPage(server.address);
  await waitFor(firefox, "the harness's script", () => 'harness' in window);
});

afterAll(async () => {
  await firefox?.close();
  server?.close();
});

test('a pairwise cover of the shader variants that Firefox supports compiles, and a smaller cover runs', async () => {
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
  // It has shader-f16; variants with subgroups are not built for an adapter without them.
  expect(cannotRun).toEqual([]);
});

test('the kernels agree with the f64 oracles', async () => {
  const { lines, failures, seconds } = await firefox.page.evaluate(() => window.harness.kernels());
  console.log(`${lines.join('\n')}\n${lines.length} cases in ${seconds.toFixed(1)} s`);
  expect(failures).toEqual([]);
});

test.each(['fp32', 'fp16', 'bf16'] as const)('a short run in %s reduces the loss', async (precision) => {
  const result = await firefox.page.evaluate((mode) => window.harness.train(mode), precision);
  const { losses, storage, kernels, msPerStep, gpuMsPerStep } = result;
  console.log(
    `${precision} (${storage ?? 'no halves'}, ${JSON.stringify(kernels)}): loss ${losses[0]} to ${losses.at(-1)}, ${msPerStep} ms a step, of GPU time ${gpuMsPerStep}`,
  );
  expect(losses).toHaveLength(20);
  expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.1);
  expect(await firefox.page.evaluate(() => window.harness.problems())).toEqual([]);
});
