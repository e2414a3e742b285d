/** The first screen: three runs are replayed from a recording, and what is shown is what they computed. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright/test';
import { WORDS } from '../src/app/story/words.ts';
import { expectAccessible, SIZES } from './accessible.ts';
import { builtFile, expect, snapshot, test } from './page.ts';
import { expectCardsOfRuns, MODES } from './storyCards.ts';

/** The end of the recording at once, without motion. */
const STILL = '/?ui=still';

/** The share in the headline above the histogram, in percent. */
async function lostPercent(page: Page): Promise<number> {
  return Number.parseFloat((await page.getByTestId('story-lost').innerText()).replace('<', ''));
}

test('a first visit replays the recording without touching the GPU, and nothing jumps meanwhile', async ({
  page,
}) => {
  await page.addInitScript(() => {
    const seen = { devices: 0, workers: 0, shift: 0 };
    Object.assign(window, { seen });
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = function (...given) {
      seen.devices += 1;
      return requestDevice.apply(this, given);
    };
    window.Worker = class extends Worker {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        super(...given);
        seen.workers += 1;
      }
    };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) seen.shift += (entry as unknown as { value: number }).value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.setViewportSize(SIZES[0]);
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(
    'Half the bits. Same model, if you scale the loss.',
  );
  await expect(page.getByTestId('story-source')).toContainText(/recorded on \d+ \w+ \d{4} on .*llvmpipe/);
  for (const mode of MODES) await expect(page.getByTestId(`line-${mode}`)).toBeVisible();
  await expect(page.getByTestId('story-verdict')).toHaveAttribute('data-kind', 'saved');
  await expectCardsOfRuns(page);
  await expect(page.getByTestId('parting-mark')).toBeVisible();
  // It is a recording, not a training.
  await expect(page).toHaveTitle('Halfstep');
  expect((await snapshot(page)).adapter).toBeNull();
  const { shift, ...work } = await page.evaluate(
    () => (window as unknown as { seen: { devices: number; workers: number; shift: number } }).seen,
  );
  expect(work).toEqual({ devices: 0, workers: 0 });
  expect(shift, 'layout shift of the replay').toBeLessThan(0.02);
});

test('the handle moves the gradients out of the red zone by keyboard, and its figure is spoken', async ({
  page,
}) => {
  await page.goto(STILL);
  const handle = page.getByTestId('story-scale');
  await handle.focus();
  await page.keyboard.press('Home');
  await expect(page.getByTestId('story-scale-value')).toHaveText('2⁰ = 1');
  const without = await lostPercent(page);
  for (let i = 0; i < 16; i++) await page.keyboard.press('ArrowRight');
  await expect(page.getByTestId('story-scale-value')).toHaveText('2¹⁶ = 65,536');
  await expect(handle).toHaveAttribute('aria-valuetext', /^2 to the 16: .* of the gradients lost$/);
  expect(without).toBeGreaterThan(50);
  expect(await lostPercent(page)).toBeLessThan(1);
  await page.keyboard.press('End');
  await expect(page.getByTestId('story-lost')).toContainText('the step would be skipped');
});

test('without WebGPU the recording plays and the reason stands above it; the Lab says what to do', async ({
  page,
}) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
  await page.goto(STILL);
  await expect(page.getByTestId('story-unsupported')).toContainText('This browser does not offer WebGPU');
  await expect(page.getByTestId('story-run')).toBeDisabled();
  await expect(page.getByTestId('story-verdict')).toHaveAttribute('data-kind', 'saved');
  await page.getByTestId('story-unsupported').getByRole('link').click();
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'noNavigatorGpu');
});

test('a recording that does not load leaves the page usable', async ({ browser, baseURL }) => {
  const page = await browser.newPage({ baseURL: baseURL! }); // not watched, because the browser logs the failed request
  await page.route('**/recorded-run.json', (route) => route.fulfill({ status: 404, body: '' }));
  await page.goto('/');
  await expect(page.getByTestId('story-problem')).toContainText('recorded-run.json');
  await expect(page.getByTestId('story-run')).toBeEnabled();
  await page.close();
});

test('axe finds no violations on the story in both themes, wide and narrow, and nothing is cut off', async ({
  page,
}) => {
  await page.goto(STILL);
  await expect(page.getByTestId('story-model')).toBeVisible();
  await expectAccessible(page, 'the story');
});

test('a stranger understands the first screen: its words are in a novel, or explained where they stand', async ({
  page,
  baseURL,
}) => {
  await page.goto(STILL);
  await expect(page.getByTestId('story-narration')).not.toBeEmpty();
  expect(WORDS.length).toBeLessThanOrEqual(30);
  await expect(page.getByTestId('story-words').locator('dt')).toHaveText(WORDS.map(({ term }) => term));
  const novel = readFileSync(builtFile(`${baseURL}/texts/moby-dick.txt`), 'utf8');
  const plain = new Set(wordsOf(novel));
  const explained = new Set(
    wordsOf(WORDS.flatMap(({ term, also = [] }) => [term, `${term}s`, ...also]).join(' ')),
  );
  const shown = await page.evaluate(() => {
    const story = document.querySelector('[data-testid="story"]')!;
    const parts = [...story.children];
    const first = parts.slice(0, parts.findIndex((part) => part.matches('[data-testid="story-words"]')) + 1);
    // What the models write is not ours, and an adapter's name is its maker's.
    const left = '[data-testid^="card-sentence"], [data-testid="story-source"], svg';
    return first
      .map((part) => {
        const copy = part.cloneNode(true) as Element;
        for (const other of copy.querySelectorAll(left)) other.remove();
        return copy.innerHTML.replace(/<[^>]*>|&\w+;/g, ' ');
      })
      .join(' ');
  });
  const words = wordsOf(shown);
  expect(words.length).toBeGreaterThan(100);
  expect([...new Set(words)].filter((word) => !plain.has(word) && !explained.has(word))).toEqual([]);
});

function wordsOf(text: string): string[] {
  return (text.toLowerCase().match(/[a-z][a-z0-9]*/g) ?? []).filter((word) => word.length > 1);
}
