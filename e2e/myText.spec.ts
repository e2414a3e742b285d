/** "My text": from a dropped text to a downloaded model. */
import type { Locator, Page } from 'playwright/test';
import { drop, dropFiles } from './dropFile.ts';
import { gpt2Folder } from './gpt2Folder.ts';
import { expect, expectNoSidewaysScroll, reach, reachStep, snapshot, test } from './page.ts';

const NAME = '<b onclick="alert(1)">verses</b>.txt';
const VERSE = 'Half a step, half a step, half a step onward.\n';

/** Numbered verses: enough that the smallest size reads them ten times in a few hundred steps. */
function verses(count: number): string {
  return Array.from({ length: count }, (_, i) => `${i}. ${VERSE}`).join('');
}

test('a dropped text is described in a line, trained on, and its best checkpoint is downloaded with its card', async ({
  page,
}) => {
  await page.goto('/#text');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('your own text');
  await expect(page.getByTestId('my-text-plan')).toBeHidden();
  await drop(page, NAME, verses(300));

  const line = page.getByTestId('my-text-line');
  await expect(line).toContainText('parameters');
  await expect(line).toContainText('epochs of your text');
  await expect(line).toContainText('MiB of GPU memory');
  // A step was measured on this device, and until then the line says that it is not known.
  await expect(line).toContainText(/about \d+ (s|min|h)/);
  await expect(page.getByTestId('my-text-measured')).toContainText('steps on this device');
  await expect(page.getByTestId('my-text-reason')).toContainText('Tiny is recommended');
  await expect(page.getByTestId('own-ready')).toContainText(NAME);

  // Another size is another line, and needs a measurement of its own.
  const tiny = await line.textContent();
  await page.getByTestId('my-text-size-small').check();
  await expect(page.getByTestId('my-text-reason')).toContainText('you chose Small');
  await expect(line).not.toHaveText(tiny!);
  await page.getByTestId('my-text-size-tiny').check();
  await expect(line).toHaveText(tiny!);

  await page.getByTestId('my-text-train').click();
  await reach(page, 'done');
  const { runs } = await snapshot(page);
  const { summary, config } = runs[0]!;
  expect(config).toMatchObject({ keepBest: true, earlyStop: 5 });
  const lowest = Math.min(...runs[0]!.evals.map(({ valLoss }) => valLoss ?? Number.POSITIVE_INFINITY));
  expect(summary!.best!.valLoss).toBe(lowest);
  await expect(page.getByTestId('my-text-best')).toContainText(`step ${summary!.best!.step}`);
  await expect(page.getByTestId('my-text-figures')).toContainText(`${lowest.toFixed(3)} nats per token`);
  await expect(page.getByTestId('my-text-figures')).toContainText(NAME);
  await expect(page.getByTestId('sample-panel')).toBeVisible();
  await expect(page.getByTestId('autosaved')).toBeVisible();

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByTestId('my-text-export').click(),
  ]);
  const folder = download.suggestedFilename().replace(/\.zip$/, '');
  await expect(page.getByTestId('my-text-model')).toContainText(`folder = "${folder}"`);
  const parts: Buffer[] = [];
  for await (const part of await download.createReadStream()) parts.push(part as Buffer);
  const archive = Buffer.concat(parts).toString('latin1'); // files in it are stored uncompressed
  expect(archive).toContain(`${folder}/model.safetensors`);
  expect(archive).toContain(
    `| weights | those after step ${summary!.best!.step}, with the lowest validation loss of the run |`,
  );
  expect(archive).toContain(`| validation loss | ${lowest.toFixed(4)} nats`);
});

test('a dropped model is trained on the text at its own size, whichever of the two comes first', async ({
  page,
}) => {
  const line = page.getByTestId('my-text-line');
  const reason = page.getByTestId('my-text-reason');
  const model = page.getByTestId('model-file');
  const text = 'abcdefghijkkjihgfedcba'.repeat(60);
  await page.goto('/#text');
  await expect(page.getByTestId('my-text-choice')).toBeVisible();
  await dropFiles(page, gpt2Folder());
  await expect(model).toContainText('2 layers, 2 heads, width 16');
  await drop(page, 'letters.txt', text);
  await expect(reason).toHaveText('The size is that of your model.');
  await expect(page.getByTestId('own-ready')).toContainText('1,320 characters, 11 different');
  await expect(page.getByTestId('my-text-size-tiny')).toHaveCount(0);
  const withModel = await line.textContent();

  // Without the model the sizes are back, and with it what was said before.
  await page.getByTestId('close-file').click();
  await expect(reason).toContainText('Tiny is recommended');
  await expect(line).toContainText(/about \d+ (s|min|h)/);
  await expect(line).not.toHaveText(withModel!);
  await dropFiles(page, gpt2Folder());
  await expect(reason).toHaveText('The size is that of your model.');
  await expect(line).toContainText(/about \d+ (s|min|h)/);

  // A text that the model's tokenizer cannot read is refused where it was dropped.
  await drop(page, 'verses.txt', verses(100));
  await expect(page.getByTestId('own-error')).toContainText('tokenizer');
  await expect(page.getByTestId('my-text-plan')).toBeHidden();
  await drop(page, 'letters.txt', text);
  await expect(line).toContainText(/about \d+ (s|min|h)/);

  await page.getByTestId('my-text-train').click();
  await reach(page, 'done');
  const { runs, settings } = await snapshot(page);
  expect(runs[0]!.config).toMatchObject({ layers: 2, heads: 2, width: 16, context: 8, learningRate: 1e-4 });
  expect(settings.init).toMatchObject({ heads: 2, vocabulary: 11 });
  await expect(page.getByTestId('my-text-figures')).toContainText('letters.txt');
  await expect(page.getByTestId('my-text-export')).toBeEnabled();
  await expect(page.getByTestId('sample-panel')).toBeVisible();
});

test('by keyboard alone a text becomes a model and its program, and what is pressed has a name', async ({
  page,
}) => {
  await page.goto('/#text');
  await expect(page.getByTestId('my-text-choice')).toBeVisible();
  const choosing = page.waitForEvent('filechooser');
  await press(page, page.getByTestId('own-file'), 'Enter');
  await (await choosing).setFiles({
    name: NAME,
    mimeType: 'text/plain',
    buffer: Buffer.from(verses(20_000)),
  });
  await expect(page.getByTestId('my-text-line')).toContainText(/about \d+ (s|min|h)/);
  await expect(page.getByTestId('my-text-size-tiny')).toHaveAccessibleName('Tiny (recommended)');
  await press(page, page.getByTestId('my-text-train'), 'Enter'); // some minutes of training
  await reachStep(page, 1); // a run that is stopped before it has no model
  await press(page, page.getByTestId('my-text-stop'), 'Enter');
  await reach(page, 'done');
  await expect(page.getByTestId('my-text-training')).toMatchAriaSnapshot(`
    - heading "3. Training" [level=2]
    - progressbar "Steps taken"
  `);
  const download = page.waitForEvent('download');
  await press(page, page.getByRole('button', { name: 'Download the model' }), 'Enter');
  await download;
  const copy = page.getByTestId('my-text-snippet');
  await press(page, copy, 'Space');
  await expect(copy.or(page.getByTestId('my-text-snippet-text'))).not.toHaveText('Copy the program');
});

/** Goes on with Tab until the element is focused, which must be seen, and presses the key there. */
async function press(page: Page, target: Locator, key: string): Promise<void> {
  const isFocused = () => target.evaluate((element) => element === document.activeElement);
  await expect(target).toBeEnabled();
  for (let i = 0; i < 100 && !(await isFocused()); i++) await page.keyboard.press('Tab');
  await expect(target).toBeFocused();
  const isMarked = await target.evaluate((element) =>
    [element, element.nextElementSibling].some(
      (one) => one !== null && getComputedStyle(one).outlineStyle !== 'none',
    ),
  );
  expect(isMarked, 'the focus is seen').toBe(true);
  await page.keyboard.press(key);
}

test('a run that a closed tab interrupted is offered and shown where it was started', async ({ page }) => {
  const text = verses(20_000); // some minutes of training
  await page.goto('/?autosave=1#text');
  await expect(page.getByTestId('my-text-choice')).toBeVisible();
  await drop(page, NAME, text);
  await expect(page.getByTestId('my-text-train')).toBeEnabled();
  await page.getByTestId('my-text-train').click();
  await expect(page.getByTestId('autosaved')).toContainText('Saved in this browser at step');
  await page.reload();

  const note = page.getByTestId('saved-run');
  await expect(note).toContainText(`choose that file as your text again`);
  await expect(page.getByTestId('resume-saved')).toBeDisabled();
  await drop(page, NAME, text);
  await page.getByTestId('resume-saved').click();
  await expect(page.getByTestId('my-text-training')).toBeVisible();
  await expect(note).toHaveCount(0);
  await reach(page, 'training');
  expect((await snapshot(page)).runs[0]!.facts!.resumedAt).toBeGreaterThan(0);
  await page.getByTestId('my-text-stop').click();
  await reach(page, 'done');
  await expect(page.getByTestId('my-text-end')).toContainText('You stopped it after step');
  await expect(page.getByTestId('my-text-figures')).toContainText(NAME);
});

test('texts that cannot be used are refused with both numbers and the fix, and nothing is wider than a phone', async ({
  page,
}) => {
  await page.setViewportSize({ width: 375, height: 740 });
  await page.goto('/#text');
  await expect(page.getByTestId('my-text-choice')).toBeVisible(); // the screen listens for drops
  const error = page.getByTestId('own-error');
  await drop(page, 'empty.txt', '');
  await expect(error).toBeVisible();
  await drop(page, 'short.txt', VERSE);
  await expect(error).toContainText('64');
  await drop(page, 'picture.png', '\u0089PNG\u0000\u0000');
  await expect(error).toContainText('binary');
  await expect(page.getByTestId('my-text-plan')).toBeHidden();
  await drop(page, `${'very-long-name-'.repeat(12)}.txt`, verses(100));
  await expect(page.getByTestId('my-text-line')).toContainText('parameters');
  await expectNoSidewaysScroll(page);
});

test('without WebGPU the screen says why, and what to do', async ({ page }) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
  await page.goto('/#text');
  await expect(page.getByTestId('unsupported')).toBeVisible();
  await expect(page.getByTestId('remedy')).toBeVisible();
});
