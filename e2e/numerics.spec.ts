import { expect, expectNoSidewaysScroll, reach, test } from './page.ts';

test('gradients are counted while a run trains, and a slider asks what another scale would lose', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&precision=fp16-noscale&steps=25&sample=0&ui=still');
  await expect(page.getByTestId('numerics-on')).not.toBeChecked(); // both projects are software adapters
  await page.getByTestId('numerics-on').check();
  await page.getByTestId('numerics-interval').fill('5');
  await page.getByTestId('train').click();
  await expect(page.getByTestId('numerics-title')).toHaveText(/^Gradients of .* at step (5|10|15|20|25)$/);
  await reach(page, 'done');
  await expect(page.getByTestId('numerics-title')).toHaveText(/at step 25$/);

  // 28 parameters; 5 gradients a block, and two more.
  await page.getByTestId('numerics-table').locator('summary').click();
  const rows = page.getByTestId('numerics-row');
  await expect(rows).toHaveCount(40);
  await expect(rows.filter({ hasText: 'h.0.attn.c_attn gradient' })).toHaveCount(1);
  const percent = async (testId: string) =>
    Number.parseFloat((await page.getByTestId(testId).first().innerText()).replace('under', ''));
  const unscaled = await percent('numerics-flushed');
  expect(unscaled).toBeGreaterThan(1);
  await page.getByTestId('numerics-order').selectOption('underflow');
  expect(await percent('numerics-row-flushed')).toBeGreaterThanOrEqual(unscaled);

  // The same counts at other scales: a higher one saves what vanished, and the best is marked.
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

  // Drawn, with a hover and a history; the cost is said.
  const heatmap = page.getByTestId('numerics-heatmap');
  await heatmap.hover({ position: { x: 20, y: 60 } });
  await expect(page.getByTestId('numerics-hover')).toHaveText(/values, .*Flushed [\d.]+ %/);
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
