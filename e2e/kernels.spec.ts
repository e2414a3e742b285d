import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, type Page, test } from 'playwright/test';
import type {} from './harness/main.ts';

const HARNESS = fileURLToPath(new URL('../dist/harness/index.html', import.meta.url));

// The kernels are compiled once per page, so all tests share one page and run in order.
test.describe.configure({ mode: 'serial' });

let page: Page;

test.beforeAll(async ({ browser }) => {
  if (!existsSync(HARNESS)) {
    throw new Error(`${HARNESS} is missing. Run: npx vite build --config vite.harness.config.ts`);
  }
  page = await browser.newPage();
  page.on('pageerror', (error) => console.log(`page error: ${error.message}`));
  await page.goto('/harness/index.html');
  await page.waitForFunction(() => 'harness' in window);
});

function isLavapipe(): boolean {
  return test.info().project.name === 'lavapipe';
}

test.afterAll(async () => {
  await page?.close();
});

test('a pairwise cover of the shader variants compiles, and a smaller cover runs, on one of the adapters', async () => {
  const adapter = await page.evaluate(() => window.harness.adapter());
  // The project swiftshader, in the same Chromium, tests the variants that do not need shader-f16.
  const needing = isLavapipe() ? ('shader-f16' as const) : undefined;
  const { read, ran, cannotRun, failures, seconds } = await page.evaluate(
    (feature) => window.harness.variants(feature),
    needing,
  );
  console.log(
    `${test.info().project.name} (${adapter.name}, ${adapter.features.join(' ')}): ${read} variants read and ${ran} run in ${seconds.toFixed(1)} s, ${cannotRun.length} need features it lacks`,
  );
  expect(failures).toEqual([]);
  expect(read).toBeGreaterThan(60);
  expect(ran).toBeGreaterThan(30);
  if (test.info().project.name !== 'gpu') {
    for (const key of cannotRun) expect(key).toMatch(/f16_native|peak_fma .* half/);
  }
  if (isLavapipe()) expect(cannotRun).toEqual([]);
});

test('the kernels agree with the f64 oracles', async () => {
  // Here too, lavapipe runs only what SwiftShader cannot.
  const storages = isLavapipe() ? (['native'] as const) : undefined;
  const { lines, failures, seconds } = await page.evaluate(
    (which) => window.harness.kernels(which),
    storages,
  );
  console.log(`${lines.join('\n')}\n${lines.length} cases in ${seconds.toFixed(1)} s`);
  expect(failures).toEqual([]);
});

for (const precision of ['fp32', 'fp16', 'bf16'] as const) {
  test(`a short run in ${precision} reduces the loss`, async () => {
    const result = await page.evaluate((mode) => window.harness.train(mode), precision);
    const { losses, storage, kernels, msPerStep, gpuMsPerStep } = result;
    console.log(
      `${precision} (${storage ?? 'no 16-bit floats'}, ${JSON.stringify(kernels)}): loss ${losses[0]} to ${losses.at(-1)}, ${msPerStep} ms per step, ${gpuMsPerStep} ms of it GPU time`,
    );
    expect(losses).toHaveLength(20);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.1);
    expect(await page.evaluate(() => window.harness.problems())).toEqual([]);
  });
}
