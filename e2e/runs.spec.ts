import { readFileSync } from 'node:fs';
import type { Page } from 'playwright/test';
import { ENDLESS, expect, expectNoSidewaysScroll, reach, reachStep, snapshot, test } from './page.ts';
import { train } from './runs.ts';

/** Number of runs in the database, which survive the page. */
function keptRuns(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const request = indexedDB.open('halfstep');
        // The page has not opened the database yet, and it must not be created here without the page's stores.
        request.onupgradeneeded = () => {
          request.transaction!.abort();
          resolve(0);
        };
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const { result } = request;
          const count = result.transaction('runs').objectStore('runs').count();
          count.onsuccess = () => {
            result.close();
            resolve(count.result);
          };
        };
      }),
  );
}

async function importText(page: Page, text: string): Promise<void> {
  const buffer = Buffer.from(text);
  await page
    .getByTestId('import-file')
    .setInputFiles({ name: 'runs.json', mimeType: 'application/json', buffer });
}

test('runs are stored, compared, exported, deleted and imported again', async ({ page }) => {
  await train(page, 'precision=fp16&lossScale=2^30');
  await expect.poll(() => keptRuns(page), { message: 'runs in the database' }).toBe(1);
  await train(page, 'precision=fp32'); // loads the page again, so that the first run comes from the database
  await page.keyboard.press('4');
  await expect(page).toHaveURL(/#runs$/);
  const rows = page.getByTestId('run');
  await expect(rows).toHaveCount(2);
  await expect(rows.nth(0).getByTestId('run-changes')).toContainText('precision Mixed f16 → FP32');
  await expect(rows.nth(0).getByTestId('run-valLoss')).toHaveText(/^\d\.\d{3}$/);
  await expect(rows.nth(1).getByTestId('run-skipped')).toHaveText('6'); // 2^30 overflows for at least six steps

  // Rows can be sorted by a figure in both directions.
  await page.getByTestId('sort-skipped').click();
  await expect(rows.nth(0).getByTestId('run-skipped')).toHaveText('0');
  await page.getByTestId('sort-skipped').press('Enter');
  await expect(rows.nth(0).getByTestId('run-skipped')).toHaveText('6');

  // Runs can be named, annotated and starred; names are shown as text.
  await rows.nth(0).getByTestId('open-run').click();
  await page.getByTestId('run-name').fill('<img src=x onerror=alert(1)>');
  await page.getByTestId('run-note').fill('scale too high');
  await rows.nth(0).getByTestId('star-run').click();
  await expect(rows.nth(0).getByTestId('open-run')).toHaveText('<img src=x onerror=alert(1)>');
  await rows.nth(0).getByTestId('open-run').click();

  // Runs are drawn together, with a table of exactly their differences.
  for (const index of [0, 1]) await rows.nth(index).getByTestId('choose-run').check();
  const chosen = page.getByTestId('chosen-runs');
  await expect(chosen.locator('.loss-line path.recharts-line-curve')).toHaveCount(2);
  await expect(chosen.getByTestId('skip-mark')).toHaveCount(6);
  await expect(chosen.getByTestId('skip-mark').first()).toContainText('overflowed');
  for (const metric of ['speed', 'norm']) {
    await chosen.getByTestId(`draw-${metric}`).check();
    await expect(chosen.getByTestId(`chart-${metric}`)).toBeVisible();
  }
  // Neither run has a z-loss.
  await expect(chosen.getByTestId('draw-logZ')).toHaveCount(0);
  await chosen.getByTestId('draw-norm').uncheck();
  await expect(chosen.getByTestId('chart-norm')).toHaveCount(0);
  const differences = chosen.getByTestId('differences');
  await expect(differences).toContainText('precision');
  await expect(differences).toContainText('loss scale');
  await expect(differences).not.toContainText('learning rate');

  // Export and import by file.
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('export').click()]);
  const bundle = readFileSync(await download.path(), 'utf8');
  expect(JSON.parse(bundle).runs).toHaveLength(2);
  await importText(page, bundle);
  await expect(page.getByTestId('imported')).toContainText('Nothing to import');
  await page.getByTestId('clear-runs').click();
  await expect(page.getByTestId('no-runs')).toBeVisible();
  await page.getByTestId('undo-delete').click();
  await expect(rows).toHaveCount(2);
  await page.getByTestId('clear-runs').click();
  await expect(page.getByTestId('no-runs')).toBeVisible();
  await page.reload();
  await expect(page.getByTestId('no-runs')).toContainText('No runs yet');
  const change = { step: 2, what: 'adapter', from: 'a GPU', to: `another ${'GPU'.repeat(99)}` };
  await importText(page, bundle.replaceAll('"changes":[]', `"changes":[${JSON.stringify(change)}]`));
  await expect(page.getByTestId('imported')).toContainText('2 runs imported');
  await page.reload();
  await expect(rows).toHaveCount(2);
  await rows.nth(0).getByTestId('open-run').click();
  await expect(page.getByTestId('run-went-on')).toContainText(
    /From step 2 on: another adapter \(another .* instead of a GPU/,
  );
  await expect(rows.filter({ hasText: 'scale too high' })).toContainText('<img src=x onerror=alert(1)>');

  // A damaged file changes nothing, whatever is wrong with it.
  await importText(page, bundle.slice(0, bundle.length / 2));
  await expect(page.getByTestId('import-problem')).toContainText('incomplete JSON');
  await importText(page, bundle.replace('"version":1', '"version":2'));
  await expect(page.getByTestId('import-problem')).toContainText('version 2');
  await importText(page, bundle.replace('"outcome":"', '"outcome":"<b>'));
  await expect(page.getByTestId('import-problem')).toContainText('runs[0].outcome');
  await expect(rows).toHaveCount(2);

  // No screen is wider than its window.
  for (const width of [1440, 375]) {
    await page.setViewportSize({ width, height: 800 });
    await expectNoSidewaysScroll(page);
  }
});

test('training continues while the Runs screen is shown, and when a newer page takes the database', async ({
  page,
}) => {
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&sample=0&precision=fp32&autostart=1`);
  await reach(page, 'training');
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('no-runs')).toContainText('No runs yet');
  // A page of a later version opens the database, as another tab would.
  await page.evaluate(
    () =>
      new Promise((done, failed) => {
        const request = indexedDB.open('halfstep', 99);
        request.onsuccess = () => done(request.result.close());
        request.onerror = () => failed(request.error);
      }),
  );
  await expect(page.getByTestId('storage-problem')).toContainText('newer version');
  await page.keyboard.press('s'); // a key of the Train screen
  await reachStep(page, 2 + (await snapshot(page)).runs[0]!.steps.at(-1)!.step);
  await page.goBack();
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('run')).toContainText('stopped');
  await expect(page.getByTestId('run')).toContainText('in this tab only');
});

test('without a database the page trains, warns, and keeps the runs of this tab', async ({ page }) => {
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('blocked here', 'SecurityError');
    };
  });
  await train(page, 'precision=fp32');
  await expect(page.getByTestId('storage-problem')).toContainText('blocked here');
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('run')).toHaveCount(1);
});

test('an unreadable record is reported and kept', async ({ page }) => {
  await page.goto('/#runs');
  await expect(page.getByTestId('no-runs')).toContainText('No runs yet');
  await page.evaluate(
    () =>
      new Promise<void>((done, failed) => {
        const request = indexedDB.open('halfstep', 1);
        request.onerror = () => failed(request.error);
        request.onsuccess = () => {
          const { result } = request;
          const put = result.transaction('runs', 'readwrite').objectStore('runs').put({ version: 1 }, 'odd');
          put.onsuccess = () => {
            result.close();
            done();
          };
        };
      }),
  );
  await page.reload();
  await expect(page.getByTestId('unreadable')).toContainText('odd');
  await page.reload();
  await expect(page.getByTestId('unreadable')).toBeVisible();
});

test('a shared link opens with its settings, starts no training, and runs no markup', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/?preset=smoke&modes=fp16-static,fp32&lossScale=2^12&steps=40&seed=9&text=code');
  await page.getByTestId('copy-link').click();
  await expect(page.getByTestId('copy-link')).toHaveText('Copied');
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const settings = await page.evaluate(() => window.__trainer!.snapshot().settings);
  expect(settings).toMatchObject({ steps: 40, seed: 9, 'loss-scale': 4096 }); // otherwise nothing was shared
  await page.goto(link);
  await expect(page.getByTestId('adapter')).toBeVisible();
  expect(await page.evaluate(() => window.__trainer!.snapshot())).toMatchObject({ status: 'idle', settings });

  const html = encodeURIComponent(
    '<img src=x onerror="document.title=`run`"><script>document.title=`run`</script>',
  );
  await page.goto(`/?preset=${html}&seed=${html}&${html}=1&autostart=1`);
  await expect(page.getByTestId('address-problems')).toContainText('<img src=x');
  await expect(page.getByTestId('address-problems')).toContainText('Training was not started.');
  expect(await page.locator('main img').count()).toBe(0);
  await expect(page).toHaveTitle('Halfstep');
});
