import { expectStill, takeShifts, watchShifts } from './layoutShift.ts';
import { ENDLESS, expect, reach, reachStep, snapshot, test } from './page.ts';

test('samples appear during the run, each with its step and loss, and a token shows its probabilities', async ({
  page,
}) => {
  await watchShifts(page);
  await page.goto('/?preset=smoke&steps=8&samples=2&sample=12&precision=fp32&autostart=1');
  await reach(page, 'done');
  await expectStill(page, 'a run from the opening of the page to its end');
  const { samples } = (await snapshot(page)).runs[0]!;
  expect(samples.map(({ kind, step, tokens }) => [kind, step, tokens.length])).toEqual([
    ['live', 4, 12],
    ['end', 8, 12],
  ]);
  for (const { text, tokens, loss } of samples) {
    expect(tokens.map((token) => token.text).join('')).toBe(text);
    expect(loss).toBeGreaterThan(0);
    for (const { top } of tokens) {
      expect(top).toHaveLength(10);
      const shares = top.map(({ probability }) => probability);
      expect(shares).toEqual([...shares].sort((a, b) => b - a));
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(1 + 1e-6);
    }
  }
  await expect(page.getByTestId('sample-fp32-1')).toBeVisible();
  const token = (index: number) => page.getByTestId('sample-fp32').locator(`[data-token="${index}"]`);
  const chances = page.getByTestId('token-chances');
  // Pointing alone moves nothing on the page, once Playwright has scrolled to the token.
  await token(5).scrollIntoViewIfNeeded();
  await takeShifts(page);
  await token(5).hover();
  await expect(chances).toHaveCount(0);
  await token(6).hover();
  await expectStill(page, 'pointing at samples');
  await token(4).click();
  await expect(chances).toContainText('Token 5 of 12');
  await token(5).hover();
  await expect(chances).toContainText('Token 6 of 12');
  await expect(chances.getByRole('listitem')).toHaveCount(10);
  // By keyboard, from token to token.
  await page.getByTestId('token-slider').press('ArrowRight');
  await expect(chances).toContainText('Token 7 of 12');
  await expect(page.getByTestId('token-slider')).toHaveAttribute(
    'aria-valuetext',
    /, [\d.]+ %$|under 0.01 %$/,
  );
});

test('a sample requested while paused streams, can be stopped, and ends before training resumes', async ({
  page,
}) => {
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&precision=fp32&sample=0&autostart=1`);
  await reachStep(page, 2);
  await page.getByTestId('pause').click();
  await reach(page, 'paused');

  await page.getByTestId('sample-prompt').fill('Call me ');
  await page.getByTestId('sample-temperature').fill('0');
  await page.getByTestId('sample-length').fill('50000');
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('writing')).toHaveText(/^Call me .+/);
  await page.getByTestId('sample-stop').click();
  await expect(page.getByTestId('sample-fp32')).toHaveText(/^Call me .+/);
  const [stopped] = (await snapshot(page)).runs[0]!.samples;
  expect(stopped!.tokens.length).toBeLessThan(50_000);
  expect(stopped).toMatchObject({ kind: 'asked', temperature: 0, prompt: 'Call me ' });

  await page.getByTestId('sample').click();
  await expect(page.getByTestId('writing')).toBeVisible();
  await page.getByTestId('resume').click();
  await reachStep(page, stopped!.step + 2);
  expect((await snapshot(page)).runs[0]!.samples).toHaveLength(2);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
});

test('invalid sample options are refused, before sampling where possible', async ({ page }) => {
  await page.goto('/?preset=smoke&steps=2&precision=fp32&sample=0&autostart=1');
  await reach(page, 'done');
  await page.getByTestId('sample-temperature').fill('-1');
  await expect(page.getByText('It must be a number from 0 to 10.')).toBeVisible();
  await expect(page.getByTestId('sample')).toBeDisabled();
  await page.getByTestId('sample-temperature').fill('');
  await page.getByTestId('sample-prompt').fill('A ☃ in Zürich');
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('sample-error')).toContainText('"☃" (U+2603), "ü" (U+00FC)');
});
