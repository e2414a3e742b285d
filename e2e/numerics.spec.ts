import type { Locator, Page } from 'playwright/test';
import { adapterFacts } from './adapter.ts';
import { expect, expectNoSidewaysScroll, reach, test } from './page.ts';

/** For each row of the table, the percentage that is zero once stored: flushed values and exact zeros. */
function zerosInOrder(rows: Locator): Promise<number[]> {
  return rows.evaluateAll((all) =>
    all.map((row) => {
      const share = (cell: number) => {
        const text = row.querySelectorAll('td')[cell]!.innerText;
        return text === 'all zero' ? 0 : Number.parseFloat(text.replace('under', '')) / 100;
      };
      const [flushed, zeros] = [share(1), share(4)];
      // Rows are sorted by whole counts; the table shows three digits.
      return Math.round(100 * (zeros + (1 - zeros) * flushed));
    }),
  );
}

/** Expects that the heatmap shows all of its rows and that the last one can be pointed at. */
async function expectWhole(page: Page): Promise<void> {
  const heatmap = page.getByTestId('numerics-heatmap');
  const box = page.getByRole('region', { name: 'Heatmap of exponents' });
  const { hidden, height } = await box.evaluate((element) => ({
    hidden: element.scrollHeight - element.clientHeight,
    height: element.clientHeight,
  }));
  const { height: drawn } = (await heatmap.boundingBox())!;
  expect(hidden).toBe(0);
  expect(height).toBeGreaterThanOrEqual(Math.floor(drawn));
  await heatmap.hover({ position: { x: 20, y: drawn - 10 } });
  const last = await page.getByTestId('numerics-row').last().locator('th').innerText();
  await expect(page.getByTestId('numerics-hover')).toContainText(`${last}: `);
}

test('gradients are counted while a run trains, and a slider shows what another loss scale would lose', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&precision=fp16-noscale&steps=25&sample=0&ui=still');
  // Counting costs too much time on software adapters.
  const { isSoftware } = await adapterFacts(page);
  await expect(page.getByTestId('numerics-on')).toBeChecked({ checked: !isSoftware });
  await page.getByTestId('numerics-on').check();
  await page.getByTestId('numerics-interval').fill('5');
  await page.getByTestId('train').click();
  await expect(page.getByTestId('numerics-title')).toHaveText(/^Gradients of .* at step (5|10|15|20|25)$/);
  await reach(page, 'done');
  await expect(page.getByTestId('numerics-title')).toHaveText(/at step 25$/);

  // 28 parameter tensors, 5 activation gradients per block, and two more.
  await page.getByTestId('numerics-table').locator('summary').click();
  const rows = page.getByTestId('numerics-row');
  await expect(rows).toHaveCount(40);
  await expect(rows.filter({ hasText: 'h.0.attn.c_attn gradient' })).toHaveCount(1);
  const percent = async (testId: string) =>
    Number.parseFloat((await page.getByTestId(testId).first().innerText()).replace('under', ''));
  const unscaled = await percent('numerics-flushed');
  expect(unscaled).toBeGreaterThan(1);
  await page.getByTestId('numerics-order').selectOption('zeros');
  expect(await zerosInOrder(rows)).toEqual((await zerosInOrder(rows)).toSorted((a, b) => b - a));
  await expectWhole(page);

  // The headline agrees with the table.
  const zero = await rows
    .filter({ hasText: /(weight|bias).*100\.0 %/ })
    .filter({ hasText: 'all zero' })
    .count();
  await expect(page.getByTestId('numerics-without-gradient')).toHaveText(
    zero === 0 ? 'All 28 parameter tensors get a gradient.' : new RegExp(`^${zero} of 28 parameter tensors`),
  );

  // The same counts at other scales: a higher scale saves values that were flushed, and the best is marked.
  const slider = page.getByTestId('numerics-what-if');
  await expect(slider).toHaveValue('0');
  await slider.fill('8');
  await expect(page.getByTestId('numerics-scale')).toHaveText('2⁸');
  expect(await percent('numerics-flushed')).toBeLessThan(unscaled);
  const best = await page.getByTestId('numerics-best').getAttribute('data-scale');
  expect(Number(best)).toBeGreaterThan(8);
  await page.getByTestId('numerics-best').click();
  await expect(slider).toHaveValue(best!);
  await expect(page.getByTestId('numerics-forecast')).toContainText('None overflows.');
  await page.getByTestId('numerics-current').click();
  await expect(slider).toHaveValue('0');
  expect(await percent('numerics-flushed')).toBe(unscaled);

  // The heatmap is drawn, with a hover text and a history, and the cost is shown.
  const heatmap = page.getByTestId('numerics-heatmap');
  await heatmap.hover({ position: { x: 20, y: 60 } });
  await expect(page.getByTestId('numerics-hover')).toHaveText(
    /values, (all exactly zero|.*Flushed [\d.]+ %)/,
  );
  await expect(page.getByTestId('numerics-history')).toHaveAttribute('data-frames', /^[2-5]$/);
  await expect(page.getByTestId('numerics-cost')).toHaveText(/^numerics/);

  await page.getByTestId('numerics-weights').click();
  await expect(page.getByTestId('numerics-title')).toHaveText(/^Weights of .* at step 25$/);
  await expect(rows).toHaveCount(28);
  await page.getByTestId('numerics-activations').click();
  await expect(page.getByTestId('numerics-title')).toHaveText(/^Activations of .* at step 25$/);
  await expect(rows).toHaveCount(18);

  await page.setViewportSize({ width: 375, height: 740 });
  await expectNoSidewaysScroll(page);
});
