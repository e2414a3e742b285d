/** The first screen's three runs, trained here: cards, verdict, texts, image and link are those of the runs. */
import type { Page } from 'playwright/test';
import { expect, reach, snapshot, test, waitFor } from './page.ts';
import { expectCardsOfRuns } from './storyCards.ts';

/** Keeps every text of the line of progress, however short it is shown. */
async function recordProgress(page: Page): Promise<void> {
  await page.getByTestId('story-progress').evaluate((line) => {
    const texts: string[] = [];
    Object.assign(window, { texts });
    new MutationObserver(() => texts.push(line.textContent ?? '')).observe(line, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
}

function recordedProgress(page: Page): Promise<string[]> {
  return page.evaluate(() => (window as unknown as { texts: string[] }).texts);
}

test('one press trains the three runs here; cards, texts, image and link are theirs, and the recording comes back', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/');
  const run = page.getByTestId('story-run');
  await recordProgress(page);
  await run.click();
  // Gradients are counted every 10 steps. The page presses Stop itself, since the run may end before a test could.
  await waitFor(page, 'step 12 of the live run, to stop it', () => {
    const { status, runs } = window.__trainer!.snapshot();
    if (status !== 'training' || (runs[0]?.steps.at(-1)?.step ?? 0) < 12) return false;
    document.querySelector<HTMLButtonElement>('[data-testid="story-run"]')!.click();
    return true;
  });
  await reach(page, 'done');
  await expect(page.getByTestId('story-source')).toContainText('trained just now on');
  expect(await recordedProgress(page)).toContainEqual(
    expect.stringMatching(/^compiling GPU programs: \d+ of \d+$/),
  );
  await expect(run).toHaveText('Run it again');
  await expect(page.getByTestId('story-verdict')).toHaveAttribute('data-kind', /./);
  await expectCardsOfRuns(page);
  const { runs } = await snapshot(page);
  const [full, , bare] = runs.map(({ summary }) => summary!.valLoss!);
  expect(await page.getByTestId('story-verdict').innerText()).toContain(
    Math.abs(bare! - full!) < 0.0005 ? 'level with' : Math.abs(bare! - full!).toFixed(3),
  );
  const written = runs.map(({ sample }) => (sample?.text ?? '').replace(/\s+/g, ' ').trim());
  await expect(page.getByTestId('story-texts').locator('p')).toHaveText(written);

  const [image] = await Promise.all([page.waitForEvent('download'), page.getByTestId('story-image').click()]);
  expect(image.suggestedFilename()).toMatch(/\.png$/);
  await page.getByTestId('story-link').click();
  await expect(page.getByTestId('story-link')).toHaveText('Copied');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^http:.*\/#story$/);

  // The Lab has the same runs, and they are still there afterwards.
  await page.getByTestId('story-lab').click();
  await expect(page.getByTestId('train')).toHaveText('Train again');
  await page.getByTestId('tab-story').click();
  await expectCardsOfRuns(page);
  await page.getByTestId('story-replay').click();
  await expect(page.getByTestId('story-source')).toContainText('recorded on');
});
