import { readFileSync } from 'node:fs';
import type { Page } from 'playwright/test';
import { makeRunsUp } from './madeUpRuns.ts';
import { ENDLESS, expect, expectNoSidewaysScroll, reach, reachStep, snapshot, test } from './page.ts';
import { recordResults, results } from './runs.ts';

const CHARTS = ['loss', 'scale', 'speed', 'norm', 'lr', 'memory'];
const MOST_POINTS = 400;

/** Number of redraws of each chart so far. */
function redraws(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll<HTMLElement>('figure[data-testid^="chart-"]')].map(({ dataset }) => [
        dataset.testid!.slice('chart-'.length),
        Number(dataset.redraws ?? 0),
      ]),
    ),
  );
}

/**
 * Most redraws of a chart in `seconds`: the first, one in each interval, and those that wait for none: of the list of runs,
 * when training starts and ends and when each run starts, reports its facts and ends.
 */
function mostRedraws(perSecond: number, seconds: number, runs: number): number {
  return 1 + perSecond * seconds + 2 + 3 * runs;
}

/** Sets `document.hidden`, because a page without a window cannot be covered by another. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

async function saved(page: Page, testId: string): Promise<{ name: string; content: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId(testId).click()]);
  return { name: download.suggestedFilename(), content: readFileSync(await download.path()) };
}

test('a precision schedule shows its stage, and the simulated cost of each step', async ({ page }) => {
  await makeRunsUp(page, { stepsPerMessage: 150 });
  await page.goto('/?preset=smoke&steps=400&modes=i8g8&precision-schedule=pfq&sample=0&autostart=1');
  await reach(page, 'done');
  const tile = page.getByTestId('tile-stage');
  await expect(tile).toContainText('i8g8 4 of 4');
  await expect(tile).toContainText('simulated cost 6.0 %, 3.0 % on average; 2 forced');
  const chart = page.getByTestId('chart-cost');
  await chart.scrollIntoViewIfNeeded();
  await expect(chart.locator('.visuallyHidden').first()).toContainText(
    'stage 4 of 4, i8g8, since step 301, at 6.0 % of the cost of 32 bits; 3.0 % on average',
  );
  await expect(chart).toHaveAttribute('data-points', /^[1-9]/);
});

test('blocks with levels of their own show them', async ({ page }) => {
  await makeRunsUp(page, { stepsPerMessage: 150 });
  await page.goto('/?preset=smoke&steps=400&modes=i8g8&precision-schedule=noise&sample=0&autostart=1');
  await reach(page, 'done');
  const tile = page.getByTestId('tile-stage');
  await expect(tile).toContainText('i3g6 to i6g8');
  await expect(tile).toContainText('i6g8 i3g6; simulated cost 4.0 %, 4.0 % on average');
  const chart = page.getByTestId('chart-cost');
  await chart.scrollIntoViewIfNeeded();
  await expect(chart.locator('.visuallyHidden').first()).toContainText(
    'blocks at i6g8 i3g6, since step 301, at 4.0 % of the cost of 32 bits; 4.0 % on average',
  );
});

test('every chart option works', async ({ page }) => {
  await makeRunsUp(page, { stepsPerMessage: 150 });
  await page.goto(
    '/?preset=smoke&steps=300&modes=fp16,fp32&schedule=sequential&sample=0&z-loss=1e-4&autostart=1',
  );
  await reach(page, 'done');
  const { runs } = await snapshot(page);
  const [half, full] = runs.map(({ steps }) => steps); // the last 200
  const skipped = half!.filter((step) => step.skipped);
  expect(skipped).toHaveLength(2);

  await test.step('the number of drawn points is within the budget', async () => {
    for (const id of [...CHARTS, 'difference', 'logZ']) {
      const chart = page.getByTestId(`chart-${id}`);
      await chart.scrollIntoViewIfNeeded();
      const points = Number(await chart.getAttribute('data-points'));
      expect(points).toBeGreaterThan(0);
      expect(points).toBeLessThanOrEqual(MOST_POINTS);
      await expect(chart.locator('.visuallyHidden').first()).toContainText(
        id === 'scale' ? 'Mixed f16' : 'FP32',
      );
    }
  });

  await test.step('axes', async () => {
    const loss = page.getByTestId('chart-loss');
    const path = () => loss.locator('path.loss-line').first().getAttribute('d');
    const xName = page.getByTestId('x-name-loss');
    const drawn = [await path()];
    await expect(xName).toHaveText('step');
    await page.getByTestId('options-loss').click();
    for (const [option, name] of [
      ['x-time-loss', 'training time'],
      ['x-tokens-loss', 'tokens'],
      ['logx-loss', 'tokens, logarithmic'],
    ] as const) {
      await page.getByTestId(option).check();
      await expect(xName).toHaveText(name);
    }
    drawn.push(await path());
    await page.keyboard.press('Escape');
    await expect(page.getByTestId('logx-loss')).toBeHidden();
    await page.getByTestId('logy-loss').click();
    await expect(page.getByTestId('logy-loss')).toHaveAttribute('aria-pressed', 'true');
    drawn.push(await path());
    for (const d of drawn) expect(d!.match(/[ML]/g)!.length).toBeGreaterThan(50);
    expect(new Set(drawn).size).toBe(drawn.length);

    await page.getByTestId('options-loss').click();
    await page.getByTestId('locky-loss').check();
    await page.getByTestId('smoothing-loss').fill('0');
    await expect(loss.locator('path[data-line]')).toHaveCount(2); // no raw lines behind the smoothed ones
    await page.getByTestId('smoothing-loss').fill('0.9');
    await expect(loss.locator('path[data-line]')).toHaveCount(4);
    await page.getByTestId('reset-loss').click();
    await expect(xName).toHaveText('step');
    await page.keyboard.press('Escape');
  });

  await test.step('a drag shows a part of the x axis', async () => {
    const plot = page.getByTestId('plot-loss');
    const ticks = async () => (await plot.locator('[data-axis="x"] text').allTextContents()).map(Number);
    await plot.scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await plot.boundingBox())!;
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.75, y + height / 2);
    await page.mouse.up();
    const reset = page.getByTestId('zoom-reset-loss');
    await expect(reset).toBeVisible();
    expect((await ticks())[0]).toBeGreaterThanOrEqual(120);
    expect(Math.max(...(await ticks()))).toBeLessThanOrEqual(240);
    await reset.click();
    await expect(reset).toHaveCount(0);
    expect(await ticks()).toContain(300);
  });

  await test.step('the crosshair reads exact values in every chart, by pointer and by keyboard', async () => {
    const plot = page.getByTestId('plot-scale');
    const hover = page.getByTestId('hover-scale');
    // Focus scrolls the page, and a chart that comes to lie under the pointer has the crosshair.
    await page.mouse.move(0, 0);
    await plot.focus();
    await plot.press('Home');
    await expect(hover).toContainText('step 1');
    await plot.press('End');
    await plot.press('ArrowLeft');
    await expect(hover).toContainText('step 299');
    await expect(plot).toHaveAttribute('aria-valuetext', /^step 299: Mixed f16 2¹⁵/);
    const at299 = full!.find(({ step }) => step === 299)!;
    await expect(page.getByTestId('hover-loss')).toContainText(at299.loss!.toFixed(3));
    await plot.press('Escape');
    await expect(hover).toBeHidden();

    const mark = (await page.getByTestId('skip-mark').first().boundingBox())!;
    const { step, overflow } = skipped[0]!;
    await page.mouse.move(mark.x + mark.width / 2, mark.y + 40);
    await expect(hover).toContainText(`Step ${step} skipped: ${overflow} overflowed. Scale 2¹⁷ to 2¹⁶.`);
    await expect(page.getByTestId('hover-loss')).toBeVisible();

    // Shortcuts of the focused chart.
    await page.getByTestId('plot-norm').press('y');
    await expect(page.getByTestId('logy-norm')).toHaveAttribute('aria-pressed', 'true');
  });

  await test.step('table, CSV and PNG', async () => {
    await page.getByTestId('options-loss').click();
    await page.getByTestId('show-table-loss').click();
    const table = page.getByTestId('table-loss');
    await expect(table.locator('caption')).toContainText('of 300 steps');
    const last = table.locator('tbody tr').last();
    await expect(last.locator('th')).toHaveText('300');
    await expect(last.locator('td').first()).toHaveText(half!.at(-1)!.loss!.toFixed(3));

    const csv = await saved(page, 'csv-loss');
    expect(csv.name).toBe('halfstep-loss.csv');
    const [header, ...rows] = csv.content.toString('utf8').trim().split('\r\n');
    expect(header).toMatch(/^run,step,tokens,training_seconds,loss,/);
    expect(rows).toHaveLength(600);
    for (const [run, steps] of [half!, full!].entries()) {
      for (const { step, loss } of steps) {
        const cells = rows[run * 300 + step - 1]!.split(',');
        expect([Number(cells[1]), Number(cells[4])]).toEqual([step, loss]);
      }
    }

    const png = await saved(page, 'png-loss');
    expect(png.name).toBe('halfstep-loss.png');
    expect(png.content.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
    expect(png.content.readUInt32BE(16)).toBeGreaterThan(600); // width
    expect(png.content.length).toBeGreaterThan(5000);

    const svg = await saved(page, 'svg-loss');
    expect(svg.name).toBe('halfstep-loss.svg');
    // It stands alone: the title and colours are in it.
    expect(svg.content.toString('utf8')).toMatch(
      /^<svg xmlns="[^"]+"[\s\S]*>Loss[^<]*<\/text>[\s\S]*<path [^>]*stroke="rgb/,
    );
  });

  await test.step('nothing is cut off at 375 px with table and menu open, and the options survive a reload', async () => {
    const box = () => page.getByTestId('chart-norm').boundingBox();
    const before = (await box())!.width;
    await page.getByTestId('expand-norm').click();
    expect((await box())!.width).toBeGreaterThan(1.5 * before);
    await page.setViewportSize({ width: 375, height: 740 });
    await page.getByTestId('options-norm').click();
    await expectNoSidewaysScroll(page);
    const panel = await page.getByTestId('reset-norm').boundingBox();
    expect(panel!.x).toBeGreaterThanOrEqual(0);
    await page.getByTestId('x-time-norm').check();
    await page.reload();
    await expect(page.getByTestId('x-time-norm')).toBeChecked();
    await expect(page.getByTestId('expand-norm')).toHaveAttribute('aria-pressed', 'true');
  });
});

test('a run of 3,000 steps is drawn with at most 400 points per line and exported completely', async ({
  page,
}) => {
  await makeRunsUp(page, { stepsPerMessage: 100 });
  await page.goto('/?preset=smoke&steps=3000&modes=fp16,fp32&schedule=sequential&sample=0');
  const started = Date.now();
  await page.getByTestId('train').click();
  await reach(page, 'done');
  const summary = page.getByTestId('chart-loss').locator('.visuallyHidden').first();
  await expect(summary).toContainText(/FP32: .*step 3,000/);
  const seconds = (Date.now() - started) / 1000;
  const counts = await redraws(page);
  expect(counts.loss!).toBeGreaterThan(0); // how often it is redrawn during training depends on the machine
  expect(counts.loss!).toBeLessThanOrEqual(mostRedraws(4, seconds, 2));
  for (const id of ['difference', ...CHARTS.slice(1)])
    expect(counts[id]!).toBeLessThanOrEqual(mostRedraws(1, seconds, 2));

  await page.getByTestId('options-loss').click();
  for (const logX of [false, true]) {
    await page.getByTestId('logx-loss').setChecked(logX);
    const points = await page
      .locator('path[data-line]')
      .evaluateAll((paths) => paths.map((path) => path.getAttribute('d')!.match(/[MLHV]/g)!.length));
    // A step line has two corners per point, and points only where its value changes.
    expect(Math.max(...points)).toBeLessThanOrEqual(MOST_POINTS);
    expect(Math.max(...points)).toBeGreaterThan(100);
  }
  await page.getByTestId('show-table-loss').click();
  const rows = await page.getByTestId('table-loss').locator('tbody tr').count();
  expect(rows).toBeGreaterThan(16);
  expect(rows).toBeLessThanOrEqual(60);
  const csv = await saved(page, 'csv-loss');
  expect(csv.content.toString('utf8').trim().split('\r\n')).toHaveLength(1 + 2 * 3000);
});

test('a run that ends while another screen is shown is drawn to its end when the Lab is shown again', async ({
  page,
}) => {
  await makeRunsUp(page, { stepsPerMessage: 20 });
  await page.goto('/?preset=smoke&steps=300&precision=fp32&sample=0');
  const summary = page.getByTestId('chart-loss').locator('.visuallyHidden').first();
  await page.getByTestId('train').click();
  await expect(summary).toContainText('at step');
  await page.getByTestId('tab-runs').click();
  await reach(page, 'done');
  await page.getByTestId('tab-train').click();
  await expect(summary).toContainText('at step 300.');
});

test('charts are redrawn at most four times a second, and not while the page is hidden', async ({ page }) => {
  await recordResults(page);
  // With a scale that is far too high the first steps are skipped.
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&sample=0&lossScale=1073741824`);
  await expect(page.getByTestId('chart-loss')).toBeVisible();
  const started = Date.now();
  await page.getByTestId('train').click();
  await reachStep(page, 8);
  const [first] = await results(page);
  expect(first).toMatchObject({ step: 1, skipped: true });
  await expect.poll(async () => (await redraws(page)).loss!, { message: 'redraws' }).toBeGreaterThan(1);
  await setHidden(page, true);
  const atHide = await redraws(page);
  const seconds = (Date.now() - started) / 1000;
  expect(atHide.loss!).toBeLessThanOrEqual(mostRedraws(4, seconds, 1));
  for (const id of CHARTS.slice(1)) expect(atHide[id]!).toBeLessThanOrEqual(mostRedraws(1, seconds, 1));

  await reachStep(page, 4 + (await snapshot(page)).runs[0]!.steps.at(-1)!.step);
  expect(await redraws(page)).toEqual(atHide);
  await setHidden(page, false);
  await expect
    .poll(async () => (await redraws(page)).loss!, { message: 'redraws after the page is shown again' })
    .toBeGreaterThan(atHide.loss!);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  await expect(page.getByTestId('chart-loss').locator('.visuallyHidden').first()).toContainText(
    `at step ${(await snapshot(page)).runs[0]!.steps.at(-1)!.step}`,
  );
  await expect(page.getByTestId('skip-mark').first()).toContainText(
    `Step 1 skipped: ${first!.overflow} overflowed. Scale 2³⁰ to 2²⁹. Normal.`,
  );
});
