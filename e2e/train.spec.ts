import type { Page } from 'playwright/test';
import { adapterFacts } from './adapter.ts';
import { beforeWorker, ENDLESS, expect, reach, reachStep, SLOW_CLOCK, snapshot, test } from './page.ts';
import { recordResults, results } from './runs.ts';

test('on a first visit one click trains, and the loss falls by a fifth in 60 steps', async ({ page }) => {
  const requests: string[] = [];
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  await page.goto('/?steps=60&sample=120');

  await expect(page.getByRole('heading', { level: 1 })).toHaveText(
    /^Train the same model in several number formats/,
  );
  const { isSoftware, hasHalf, storage } = await adapterFacts(page);
  if (isSoftware) {
    await expect(page.getByTestId('preset')).toHaveValue('smoke');
    await expect(page.getByTestId('preset-adapted')).toBeVisible();
  } else {
    await expect(page.getByTestId('preset')).not.toHaveValue('smoke');
    await page.goto('/?preset=smoke&steps=60&sample=120');
  }
  expect((await snapshot(page)).status).toBe('idle');
  expect(requests.filter((path) => path.includes('/texts/'))).toEqual([]);

  await page.getByTestId('train').click();
  await reach(page, 'done');
  await expect(page.getByTestId('value-loss')).toHaveText(/^\d\.\d{3}$/);

  const { adapter, runs, errors } = await snapshot(page);
  const run = runs[0]!;
  expect(errors).toEqual([]);
  expect(run.steps.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  const first = run.steps[0]!.loss!;
  expect(first).toBeGreaterThan(4); // ln 80 = 4.38
  expect(run.summary!.valLoss!).toBeLessThan(0.8 * first);

  expect(adapter?.features.includes('shader-f16')).toBe(hasHalf);
  expect(run.facts?.storage).toBe(storage);
  const packed = hasHalf ? /packed.*software adapters read faster/ : /packed.*this adapter lacks shader-f16/;
  await expect(page.getByTestId('storage')).toHaveText(
    storage === 'native' ? /native: this adapter has shader-f16/ : packed,
  );

  await expect(page.getByTestId('value-batch')).toHaveText('8');
  await expect(page.getByTestId('value-scale')).toHaveText('2¹⁶');
  await expect(page.getByTestId('value-speed')).toHaveText(/^[\d,.]+$/);
  await expect(page.getByTestId('value-memory')).toHaveText(/^\d+\.\d MiB$/);
  expect((await page.getByTestId('sample-fp16').innerText()).length).toBeGreaterThan(90);
  await expect(page.locator('path.loss-line')).toHaveCount(1);
  await expect(page).toHaveTitle(/^Done · /);
});

test('both f16 storages can be requested, are shown, and give the same losses', async ({ page }) => {
  const train = async (f16: string) => {
    await page.goto(`/?preset=smoke&steps=6&f16=${f16}&sample=0&autostart=1`);
    await reach(page, 'done');
    const { facts, steps } = (await snapshot(page)).runs[0]!;
    expect(facts?.storage).toBe(f16);
    return steps.map(({ loss }) => loss);
  };
  const packed = await train('packed');
  const { hasHalf } = await adapterFacts(page);
  await expect(page.getByTestId('storage')).toHaveText(hasHalf ? /as requested/ : /lacks shader-f16/);
  if (!hasHalf) return; // input.spec.ts tests that it is refused there
  expect(await train('native')).toEqual(packed);
  await expect(page.getByTestId('storage')).toHaveText(/native: this adapter has shader-f16/);
});

test('a loss scale that is far too high is halved at each skipped step, and the loss still falls', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&steps=30&lossScale=2^36&sample=0&autostart=1');
  await reach(page, 'done');

  const { runs } = await snapshot(page);
  const { steps, summary } = runs[0]!;
  const skipped = steps.filter((step) => step.skipped);
  expect(skipped.length).toBeGreaterThanOrEqual(10);
  expect(steps[0]).toMatchObject({ lossScale: 2 ** 36, skipped: true, appliedSteps: 0 });
  for (const [i, step] of steps.slice(0, -1).entries()) {
    if (step.skipped) expect(steps[i + 1]!.lossScale).toBe(step.lossScale / 2);
  }
  expect(skipped.every((step) => typeof step.overflow === 'string')).toBe(true);
  expect(summary!.finalLoss!).toBeLessThan(steps[0]!.loss!);

  // The tile, the chart marks and the snapshot agree.
  await expect(page.getByTestId('value-skipped')).toHaveText(String(skipped.length));
  await expect(page.getByTestId('skip-mark')).toHaveCount(skipped.length);
  await expect(page.getByTestId('tile-skipped')).toHaveAttribute('title', /overflowed.*Normal\./);
  await expect(page.getByTestId('skip-mark').first()).toContainText('Scale 2³⁶ to 2³⁵');
  await expect(page.getByTestId('tile-skipped')).toContainText(skipped.at(-1)!.overflow!);

  // Ten skipped steps in a row cause a warning, which can be dismissed.
  await page.getByTestId('run-notes').locator('summary').first().click();
  const warning = page.getByTestId('warning-skips');
  await expect(warning).toContainText('10 steps in a row were skipped');
  await warning.getByRole('button', { name: 'Dismiss' }).click();
  await expect(warning).toHaveCount(0);
});

test('pause, sample, resume and stop work by button and by shortcut', async ({ page }) => {
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&precision=fp32&sample=20`);
  await expect(page.getByTestId('adapter')).toBeVisible();
  await page.keyboard.press('Space');
  await reachStep(page, 3);
  await expect(page.getByTestId('value-loss')).toHaveText(/^\d\.\d{3}$/);
  await expect(page).toHaveTitle(/^\d+ % · \d\.\d{3} · Halfstep$/);

  await page.getByTestId('pause').click();
  await reach(page, 'paused');
  await page.getByTestId('sample-prompt').fill('Call me ');
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('sample-fp32')).toHaveText(/^Call me ./);
  const pausedAt = (await snapshot(page)).runs[0]!.steps.at(-1)!.step;

  // A character that the text does not contain is explained, and training is unaffected.
  await page.getByTestId('sample-prompt').fill('☃');
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('sample-error')).toContainText('BAD_TEXT');
  expect((await snapshot(page)).runs[0]!.steps.at(-1)!.step).toBe(pausedAt);

  // In a field, S types a letter.
  await page.getByTestId('sample-prompt').press('s');
  expect((await snapshot(page)).status).toBe('paused');

  await page.getByTestId('resume').click();
  await reachStep(page, pausedAt + 2);
  await page.getByRole('heading', { level: 1 }).click(); // moves focus off the button, which Space would press
  await page.keyboard.press('s');
  await reach(page, 'done');
  const { runs } = await snapshot(page);
  expect(runs[0]!.summary!.steps).toBeLessThan(ENDLESS);
  expect(runs[0]!.summary!.valLoss).not.toBeNull();
  await expect(page.getByTestId('train')).toHaveText('Train again');
});

test('two modes train from the same start and share the charts', async ({ page }) => {
  await page.goto('/?preset=smoke&steps=10&modes=fp16,fp32&sample=20');
  await page.getByTestId('train').click();
  await reach(page, 'done');

  const { runs } = await snapshot(page);
  expect(runs.map(({ config }) => config.precision)).toEqual(['fp16', 'fp32']);
  const [half, full] = runs.map(({ steps }) => steps[0]!.loss!);
  expect(Math.abs(half! - full!)).toBeLessThan(0.01); // the same weights and batch, rounded differently
  const { activations } = runs[0]!.facts!.memory;
  expect(activations).toBeLessThanOrEqual(0.62 * runs[1]!.facts!.memory.activations);

  const lines = page.locator('path.loss-line');
  await expect(lines).toHaveCount(2);
  const [solid, dashed] = await lines.evaluateAll((paths) =>
    paths.map((path) => [path.getAttribute('stroke'), path.getAttribute('stroke-dasharray')]),
  );
  expect(solid![0]).not.toBe(dashed![0]);
  expect(solid![1]).not.toBe(dashed![1]);
  await expect(page.getByTestId('chart-loss').locator('figcaption')).toHaveText(/Mixed f16.*FP32/);
  for (const mode of ['fp16', 'fp32']) {
    await expect(page.getByTestId(`result-val-loss-${mode}`)).toHaveText(/^\d\.\d{3}$/);
    await expect(page.getByTestId(`result-tokens-per-sec-${mode}`)).toHaveText(/^[\d,.]+$/);
    await expect(page.getByTestId(`sample-${mode}`)).not.toBeEmpty();
  }
});

test.describe('a GPU that is lost', () => {
  test.beforeEach(async ({ page }) => {
    await recordResults(page);
    await beforeWorker(
      page,
      `${SLOW_CLOCK}
       const { requestDevice } = GPUAdapter.prototype;
       GPUAdapter.prototype.requestDevice = async function (descriptor) {
         const device = await requestDevice.call(this, descriptor);
         new BroadcastChannel('lose').onmessage = () => device.destroy();
         return device;
       };`,
    );
  });
  const lose = (page: Page) => page.evaluate(() => new BroadcastChannel('lose').postMessage(null));

  test('a comparison resumes by itself on a new device, each step reported once; a second loss stops it', async ({
    page,
  }) => {
    await page.goto(`/?preset=smoke&steps=${ENDLESS}&sample=0&modes=fp16,fp32&schedule=lockstep&autostart=1`);
    await reachStep(page, 4, 1);
    await lose(page);
    await expect(page.getByTestId('warning-deviceLost')).toContainText('Training restarts from its seed');
    const reported = (await results(page)).at(-1)!.step;
    await reachStep(page, reported + 3);
    for (const run of [0, 1]) expect((await results(page, run)).length).toBeGreaterThan(3);

    await lose(page);
    await reach(page, 'lost');
    await expect(page.getByTestId('run-error')).toContainText('twice within a minute');
    await page.getByTestId('restart').click();
    await reachStep(page, 2);
    await page.getByTestId('stop').click();
    await reach(page, 'done');
  });

  test('a saved run resumes from its save; after a second loss it can be resumed by hand', async ({
    page,
  }) => {
    await page.goto(`/?preset=smoke&steps=${ENDLESS}&sample=0&autosave=1&autostart=1`);
    await expect(page.getByTestId('autosaved')).toContainText('Saved in this browser at step');
    await lose(page);
    await expect(page.getByTestId('warning-deviceLost')).toContainText(/Training resumes from step [1-9]/);
    await reach(page, 'training');
    await lose(page);
    await reach(page, 'lost');
    await expect(page.getByTestId('run-error')).toContainText(/saved at step [1-9]\d*: it can be resumed/);
    await page.getByTestId('resume-saved').click();
    await reach(page, 'training');
    await page.getByTestId('stop').click();
    await reach(page, 'done');
  });
});

/** Refuses allocations of more than 5 MiB within an error scope: a batch of 4 needs less, one of 8 more. */
const refuseLargeBatches = (page: Page) =>
  beforeWorker(
    page,
    `let bytes = 0;
     const { createBuffer, pushErrorScope, popErrorScope } = GPUDevice.prototype;
     Object.assign(GPUDevice.prototype, {
       createBuffer(descriptor) { bytes += descriptor.size; return createBuffer.call(this, descriptor); },
       pushErrorScope(filter) { bytes = 0; return pushErrorScope.call(this, filter); },
       async popErrorScope() {
         const refused = bytes > 5 * 2 ** 20;
         return (await popErrorScope.call(this)) ?? (refused ? { message: 'no room' } : null);
       },
     });`,
  );
const TOO_LARGE = '/?preset=smoke&steps=4&sample=0&precision=fp16&batch=8&autostart=1';

test('when a batch does not fit in GPU memory the page offers one that does; accumulated steps switch to it by themselves', async ({
  page,
}) => {
  await refuseLargeBatches(page);
  await page.goto(TOO_LARGE);
  await expect(page.getByTestId('run-error')).toContainText('OUT_OF_MEMORY');
  await expect(page.getByTestId('run-error')).toContainText('Use micro-batch 4');
  await page.getByRole('button', { name: 'Train in micro-batches of 4' }).click();
  await reach(page, 'training', 'done');
  await expect(page.getByTestId('run-error')).toHaveCount(0);
  await reach(page, 'done');
  expect((await snapshot(page)).runs[0]!.config).toMatchObject({ batch: 8, accumulation: 1, microBatch: 4 });

  await page.goto(`${TOO_LARGE}&accum=2`);
  await reach(page, 'done');
  await expect(page.getByTestId('warning-smallerBatch')).toContainText('in 4 of 4 instead of 2 of 8');
  const [run] = (await snapshot(page)).runs;
  expect(run!.config).toMatchObject({ batch: 8, accumulation: 2, microBatch: 4 });
  expect(run!.steps).toHaveLength(4);
});

test('an error is shown even if the chunk with its button does not load', async ({ browser, baseURL }) => {
  const page = await browser.newPage({ baseURL: baseURL! }); // not watched, because React logs errors that a boundary catches
  await refuseLargeBatches(page);
  await page.route(/RecoveryAction-[^/]*\.js$/, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: `throw new Error('of another version');` }),
  );
  await page.goto(TOO_LARGE);
  const error = page.getByTestId('run-error');
  await expect(error.getByTestId('part-missing')).toContainText('could not be loaded. Try again');
  await expect(error).toContainText('Use micro-batch 4');
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.close();
});
