import type { Page } from 'playwright/test';
import { ENDLESS, expect, reach, reachStep, snapshot, test, waitFor } from './page.ts';

const THREE = ['fp32', 'fp16', 'fp16-noscale'] as const;
const ROWS = [
  'val-loss',
  'val-loss-seconds',
  'final-loss',
  'tokens-per-sec',
  'speed-up',
  'divergence',
  'steps',
  'skipped',
  'loss-scale',
  'flushed',
  'memory',
  'activations',
  'storage',
  'largest-batch',
] as const;

test('one click compares three modes from the same start, with table, verdict and Markdown', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/?preset=smoke&steps=8&sample=12&samples=1&ui=still');
  await page.getByTestId('compare-three').click();
  await reach(page, 'done');

  const { runs, settings } = await snapshot(page);
  expect(settings.modes).toEqual(['fp16']); // the chosen ones stay
  expect(runs.map(({ config }) => config.precision)).toEqual(THREE);
  const [first, ...others] = runs.map(({ facts }) => facts!.start);
  for (const start of others) expect(start).toEqual(first);
  await expect(page.getByTestId('identical-start')).toHaveText(
    `Identical start: weights ${first!.weights.slice(0, 8)}, batches ${first!.batches.slice(0, 8)}.`,
  );

  for (const row of ROWS) {
    for (const mode of THREE) await expect(page.getByTestId(`result-${row}-${mode}`)).not.toHaveText(/^–?$/);
  }
  for (const [i, mode] of THREE.entries()) {
    const { valLoss } = runs[i]!.summary!;
    await expect(page.getByTestId(`result-val-loss-${mode}`)).toHaveText(valLoss!.toFixed(3));
    await expect(page.getByTestId(`result-tokens-per-sec-${mode}`)).toHaveText(/^[\d,.]+$/);
  }
  await expect(page.getByTestId('result-speed-up-fp32')).toHaveText('reference');
  await expect(page.getByTestId('result-speed-up-fp16')).toHaveText(/^\d+\.\d\d×, too short to tell$/);
  await expect(page.getByTestId('result-loss-scale-fp16')).toHaveText('2¹⁶');
  await expect(page.getByTestId('result-loss-scale-fp16-noscale')).toHaveText('none');
  // Counting is off, but gradients are still counted once at the end: with scaling nearly all survive, without it many
  // are flushed.
  const flushed = async (mode: string) =>
    Number.parseFloat((await page.getByTestId(`result-flushed-${mode}`).innerText()).replace('under', ''));
  await expect(page.getByTestId('numerics-on')).not.toBeChecked();
  await expect(page.getByTestId('result-flushed-fp32')).toHaveText('– (gradients are f32)');
  expect(await flushed('fp16-noscale')).toBeGreaterThan(1);
  expect(await flushed('fp16')).toBeLessThan(1);
  await expect(page.getByTestId('numerics-title')).toHaveText(/at step 8$/);
  const largest = async (mode: string) =>
    Number(await page.getByTestId(`result-largest-batch-${mode}`).innerText());
  await expect(page.getByRole('rowheader', { name: 'Largest batch in 16 MiB' })).toBeVisible();
  expect(await largest('fp16')).toBeGreaterThan(await largest('fp32'));
  // The best value is labelled. Mixed f16 needs the least memory for activations, and so does the mode without scaling.
  const activations = page.getByRole('row', { name: 'of which activations' });
  await expect(activations.getByText('best')).toHaveCount(2);
  await expect(page.getByTestId('verdict')).toHaveText(
    /^After 8 steps, Mixed f16 .*too short to compare speed.* Only one seed was trained/,
  );

  // The wait starts before the click and runs inside the page, because the word is shown for three seconds only.
  const copied = waitFor(page, 'the word "Copied."', () => document.body.innerText.includes('Copied.'));
  await page.getByTestId('copy-markdown').click();
  await copied;
  const markdown = await page.evaluate(() => navigator.clipboard.readText());
  expect(markdown).toContain('|  | FP32 | Mixed f16 | f16 without scaling |\n| --- | --- | --- | --- |\n');
  expect(markdown).toContain(await page.getByTestId('verdict').innerText());
  expect(markdown).toContain(await page.getByTestId('identical-start').innerText());
  expect(markdown.split('\n').filter((line) => line.startsWith('| '))).toHaveLength(ROWS.length + 2);

  // A run that left the GPU for the next one writes again what it wrote at its end, and can be exported.
  await page.getByTestId('sample-run').selectOption('0');
  await page.getByTestId('sample-seed').fill(String(runs[0]!.config.seed));
  await page.getByTestId('sample').click();
  const samples = async () => (await snapshot(page)).runs[0]!.samples;
  await expect.poll(async () => (await samples()).length, { message: 'samples of FP32' }).toBe(2);
  const [end, asked] = await samples();
  expect(asked).toMatchObject({ kind: 'asked', step: 8, ids: end!.ids });
  await page.getByTestId('export-of').selectOption('1');
  const downloading = page.waitForEvent('download');
  await page.getByTestId('export-run').click();
  expect((await downloading).suggestedFilename()).toBe('halfstep-fp16-step-8.safetensors');

  // Two runs stand side by side in the numerics panel.
  await page.getByTestId('numerics-run').selectOption('1');
  await page.getByTestId('numerics-beside').selectOption('2');
  await expect(page.getByTestId('numerics-title')).toHaveText([
    /^Gradients of Mixed f16 at step 8$/,
    /^Gradients of f16 without scaling at step 8$/,
  ]);
});

test('in lockstep the modes train, pause and stop together, and their speeds are of GPU time only', async ({
  page,
}) => {
  await page.goto(
    `/?preset=smoke&steps=${ENDLESS}&modes=fp32,fp16,fp16-noscale&schedule=lockstep&sample=3&autostart=1`,
  );
  await reachStep(page, 3, 2); // run 2 would not have started if the runs trained one after the other
  const steps = async () => (await snapshot(page)).runs.map((run) => run.steps.at(-1)?.step ?? 0);
  await expect(page.getByTestId('identical-start')).toBeVisible();

  await page.getByTestId('pause').click();
  await reach(page, 'paused');
  await page.getByTestId('sample').click();
  for (const mode of THREE) await expect(page.getByTestId(`sample-${mode}`)).not.toBeEmpty();
  await expect.poll(async () => new Set(await steps()).size, { message: 'numbers of steps' }).toBe(1); // the last figures may still be in transit
  const paused = await steps();

  await page.getByTestId('resume').click();
  await reachStep(page, paused[0]! + 2, 2);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  const ended = await steps();
  expect(new Set(ended).size).toBe(1);
  expect(ended[0]).toBeLessThan(ENDLESS);
  const { runs } = await snapshot(page);
  expect(runs.map(({ summary }) => summary!.tokensPerSec)).toEqual([null, null, null]);
  await expectLockstepSpeeds(page);
  await expect(page.getByTestId('result-val-loss-fp16')).toHaveText(/^\d\.\d{3}$/);
});

test('in lockstep the modes of each seed take turns, seed after seed', async ({ page }) => {
  await page.goto(
    '/?preset=smoke&steps=12&modes=fp32,fp16,bf16&schedule=lockstep&seeds=2&sample=3&autostart=1',
  );
  await reach(page, 'done');
  const { runs } = await snapshot(page);
  expect(runs.map(({ summary }) => summary?.steps)).toEqual(new Array(6).fill(12));
  expect(new Set(runs.map(({ facts }) => facts!.start.weights)).size).toBe(2);
  await expect(page.getByTestId('identical-start')).toContainText('first of 2 seeds');
  await expect(page.getByTestId('result-val-loss-bf16')).toHaveText(/^\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)$/);
  await expect(page.getByTestId('verdict')).toHaveText(/^After 12 steps and over 2 seeds/);
  await expectLockstepSpeeds(page);
});

/** In lockstep, speeds come from the GPU's own clock and are not reported where an adapter has none. */
async function expectLockstepSpeeds(page: Page): Promise<void> {
  const { adapter, runs } = await snapshot(page);
  const speed = page.getByTestId('result-tokens-per-sec-fp16');
  if (adapter!.features.includes('timestamp-query')) {
    for (const { summary } of runs) expect(summary!.gpuMsPerStep).toBeGreaterThan(0);
    await expect(page.getByRole('rowheader', { name: 'Tokens/s (GPU time)' })).toBeVisible();
    await expect(speed).toHaveText(/^[\d,.]+( |$)/);
    await expect(page.getByRole('heading', { name: 'Tokens/s (GPU time)' })).toBeVisible();
  } else {
    for (const row of ['tokens-per-sec', 'speed-up', 'val-loss-seconds']) {
      await expect(page.getByTestId(`result-${row}-fp16`)).toContainText('not measured (interleaved)');
    }
    await expect(page.getByTestId('chart-speed')).toBeHidden();
  }
}

test('with several seeds the table shows means and ranges, and the verdict accounts for seed noise', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&steps=4&modes=fp32,fp16&seeds=2&seed=5&sample=0&autostart=1');
  await reach(page, 'done');
  const { runs } = await snapshot(page);
  expect(runs.map(({ config }) => [config.precision, config.seed])).toEqual([
    ['fp32', 5],
    ['fp16', 5],
    ['fp32', 6],
    ['fp16', 6],
  ]);
  // The mean of each mode with its band, and each seed on request.
  const lines = page.locator('path.loss-line');
  const chart = page.getByTestId('chart-loss');
  await expect(lines).toHaveCount(2);
  await expect(chart.locator('path.loss-band')).toHaveCount(2);
  await expect(chart.locator('figcaption')).toContainText('FP32, mean of 2 seeds');
  await page.getByTestId('options-loss').click();
  await page.getByTestId('seeds-loss').check();
  await expect(lines).toHaveCount(4);
  const strokes = await lines.evaluateAll((paths) => paths.map((path) => path.getAttribute('stroke')));
  expect(new Set(strokes).size).toBe(2); // one colour per mode
  const [a, b, c] = runs.map(({ facts }) => facts!.start);
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
  await expect(page.getByTestId('identical-start')).toContainText('first of 2 seeds');
  await expect(page.getByTestId('result-val-loss-fp32')).toHaveText(/^\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)$/);
  await expect(page.getByTestId('verdict')).toHaveText(/over 2 seeds.*The seed alone changes FP32 by/);
});

test('modes keep the order of their fields, and choosing a mode twice swaps the fields', async ({ page }) => {
  await page.goto('/?preset=smoke');
  await expect(page.getByTestId('schedule')).toBeHidden();
  await page.getByTestId('compare').selectOption('fp32');
  await page.getByTestId('compare-2').selectOption('bf16');
  await page.getByTestId('schedule').selectOption('lockstep');
  await page.getByTestId('precision').selectOption('fp32');
  const { settings } = await snapshot(page);
  expect(settings.modes).toEqual(['fp32', 'fp16', 'bf16']);
  await page.getByTestId('compare').selectOption('');
  expect((await snapshot(page)).settings.modes).toEqual(['fp32', 'bf16']);
});

test('a mode can be compared with a variant of itself', async ({ page }) => {
  await page.goto('/?preset=smoke&modes=fp16,e5m2');
  await page.getByTestId('compare-2').selectOption('variant');
  await page.getByTestId('variant-2-0').selectOption('optim-state fp8');
  await page.getByTestId('variant-2-1').selectOption('loss-scale 256');
  await page.getByTestId('compare').selectOption('variant');
  await expect(page.getByTestId('rounding')).toBeHidden(); // the variant has its own rounding
  const modes = ['fp16', 'e5m2+rounding=rne', 'fp16+optim-state=fp8+loss-scale=256'];
  expect((await snapshot(page)).settings.modes).toEqual(modes);
  await expect(page.getByTestId('train')).toBeEnabled();
  // Without its last setting the variant equals a mode that is already chosen.
  await page.getByTestId('variant-2-1').selectOption('');
  await page.getByTestId('variant-2-0').selectOption('');
  expect((await snapshot(page)).settings.modes).toEqual(modes.slice(0, 2));
});
