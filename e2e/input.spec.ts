import { beforeWorker, expect, reach, snapshot, test } from './page.ts';

test('an address with mistakes is reported and does not start training', async ({ page }) => {
  await page.goto('/?prest=smoke&precision=fp17&steps=many&seed=7&autostart=1');
  const problems = page.getByTestId('address-problems');
  await expect(problems).toContainText('Did you mean "preset"?');
  await expect(problems).toContainText('Did you mean "fp16"?');
  await expect(problems).toContainText('steps is "many", which is not a number.');
  await expect(page.getByTestId('adapter')).toBeVisible();
  await expect(page.getByTestId('seed')).toHaveValue('7');
  expect((await snapshot(page)).status).toBe('idle');
  await problems.getByRole('button').click();
  await expect(problems).toBeHidden();
});

test('markup in the address is shown as text only', async ({ page }) => {
  await page.goto('/?%3Cimg%20src=x%20onerror=document.title=1%3E=1&preset=%3Cb%3Esmoke');
  await expect(page.getByTestId('address-problems')).toContainText('"<img src"');
  await expect(page.getByTestId('address-problems').locator('img, b')).toHaveCount(0);
});

test("invalid numbers are refused with the engine's messages", async ({ page }) => {
  await page.goto('/?preset=smoke');
  await page.getByTestId('steps').fill('-5');
  await expect(page.getByTestId('train')).toBeDisabled();
  await expect(page.getByTestId('obstacle')).toHaveText(
    'steps is -5. It must be a whole number from 0 to 1000000.',
  );
  await page.getByTestId('steps').fill('a few');
  await expect(page.getByText('steps is "a few", which is not a number.')).toBeVisible();
  await page.getByTestId('steps').fill('');
  await page.getByTestId('advanced').click();
  await page.getByTestId('lossScale').fill('60000');
  await expect(page.getByTestId('obstacle')).toHaveText(/not a power of two.*Try 65536\./);
  await page.getByTestId('lossScale').fill('2^16');
  await expect(page.getByTestId('obstacle')).toBeHidden();
  await expect(page.getByTestId('train')).toBeEnabled();
});

test('a decimal comma is read as a point, and an ambiguous one is refused with both readings', async ({
  page,
}) => {
  await page.goto('/?preset=smoke');
  await page.getByTestId('group-training').click();
  await page.getByTestId('lr').fill('0,002');
  await expect(page.getByTestId('train')).toBeEnabled();
  expect((await snapshot(page)).settings.lr).toBe(0.002);
  await page.getByTestId('steps').fill('1,000');
  await expect(page.getByText('Write 1000 or 1.000: "1,000" may be either.')).toBeVisible();
  await expect(page.getByTestId('train')).toBeDisabled();
  expect((await snapshot(page)).settings.steps).toBeNull();
  await page.getByTestId('steps').fill('1000');
  await expect(page.getByTestId('train')).toBeEnabled();

  await page.getByTestId('tab-sweep').click();
  const problem = page.getByTestId('sweep-problem');
  await page.getByTestId('sweep-rates').fill('0,001, 0,003');
  await expect(page.getByTestId('sweep-start')).toHaveText('Train 8 cells'); // two modes times two rates times two seeds
  await page.getByTestId('sweep-rates').fill('0,5');
  await expect(problem).toContainText('Write 0.5 or "0; 5": it may be either.');
});

test('tracking parameters in a link are not reported and are removed from the address', async ({ page }) => {
  await page.goto(
    '/?preset=smoke&utm_source=mail&modes=fp16%2Cfp16+quantize-head&fbclid=IwAR0&prest=x#train',
  );
  await expect(page.getByTestId('address-problems')).toContainText('There is no setting "prest".');
  await expect(page.getByTestId('address-problems')).not.toContainText(/fbclid|utm_source/);
  expect(new URL(page.url()).search).toBe('?preset=smoke&modes=fp16%2Cfp16+quantize-head&prest=x');
  expect(new URL(page.url()).hash).toBe('#train');
});

test('a vocabulary can be padded as on the command line', async ({ page }) => {
  await page.goto('/?preset=smoke&steps=1&sample=0&eval-batches=1&precision=fp32');
  await page.getByTestId('group-data').click();
  await expect(page.getByTestId('vocab')).toHaveAttribute('placeholder', "the tokenizer's");
  await page.getByTestId('vocab').fill('200');
  await page.getByTestId('train').click();
  await reach(page, 'preparing', 'training');
  await reach(page, 'done');
  const { config, facts } = (await snapshot(page)).runs[0]!;
  expect(config.vocabulary).toBe(200);
  // Parameters of 2 layers of width 64 with a tied head and a context of 64.
  expect(facts!.text.vocabulary).toBeLessThan(200);
  expect(facts!.parameters).toBe(2 * (12 * 64 * 64 + 13 * 64) + (200 + 64) * 64 + 2 * 64);
});

test('native f16 on an adapter without it is refused before anything runs', async ({ page }) => {
  await beforeWorker(
    page,
    `{
      const { get } = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, 'features');
      const features = function () { return new Set([...get.call(this)].filter((one) => one !== 'shader-f16')); };
      Object.defineProperty(GPUAdapter.prototype, 'features', { get: features });
    }`,
  );
  await page.goto('/?preset=smoke&f16=native&autostart=1');
  await expect(page.getByTestId('run-error')).toContainText('shader-f16');
  await expect(page.locator('html')).toHaveAttribute('data-run-state', 'failed');
});

test('a mode that is made to fail is labelled before it starts', async ({ page }) => {
  await page.goto('/?preset=smoke');
  await expect(page.getByTestId('unsound')).toBeHidden();
  await page.getByTestId('precision').selectOption('fp16-noscale');
  await expect(page.getByTestId('unsound')).toContainText('is made to fail');
  await page.getByTestId('precision').selectOption('fp16');
  await page.getByTestId('compare').selectOption('fp16-pure');
  await expect(page.getByTestId('unsound')).toContainText('Pure f16 is made to fail');
});

const BAD_FILES = [
  ['an empty file', new Uint8Array(), /BAD_TEXT/, /empty/],
  ['a binary file', new Uint8Array([1, 2, 0, 3]), /BAD_TEXT/, /binary.*byte 2 is NUL/],
  ['invalid UTF-8', new Uint8Array([0x61, 0xff, 0x61]), /BAD_TEXT/, /not valid UTF-8: byte 1 \(0xff\)/],
  ['a text that is too short', new TextEncoder().encode('To be'), /TEXT_TOO_SHORT/, /Context 64/],
] as const;

for (const [name, bytes, code, message] of BAD_FILES) {
  test(`${name} is refused next to its field`, async ({ page }) => {
    await page.goto('/?preset=smoke');
    await page.getByTestId('text').selectOption('own');
    await page
      .getByTestId('own-file')
      .setInputFiles({ name: 'own.txt', mimeType: 'text/plain', buffer: Buffer.from(bytes) });
    await expect(page.getByTestId('own-error')).toHaveText(message);
    await expect(page.getByTestId('own-error')).toHaveText(code);
    await expect(page.getByTestId('train')).toBeDisabled();
    expect((await snapshot(page)).status).toBe('idle');
  });
}

test('a dropped text is used for training and never leaves the device', async ({ page }) => {
  await page.goto('/?preset=smoke&steps=6&precision=fp32&sample=0');
  await expect(page.getByTestId('adapter')).toBeVisible();
  const sent: string[] = [];
  page.on('request', (request) => {
    if (request.method() !== 'GET' || request.url().includes('/texts/')) sent.push(request.url());
  });
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    const verse = 'Half a step, half a step, half a step onward.\n';
    data.items.add(new File([verse.repeat(100)], 'verse.txt', { type: 'text/plain' }));
    return data;
  });
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });

  await expect(page.getByTestId('text')).toHaveValue('own');
  await expect(page.getByTestId('own-ready')).toHaveText('verse.txt: 4,600 characters, 18 different');
  await page.getByTestId('train').click();
  await reach(page, 'done');
  const { runs } = await snapshot(page);
  expect(runs[0]!.facts?.text).toMatchObject({ name: 'verse.txt', tokens: 4600 });
  expect(sent).toEqual([]);
});

test('end-of-document marks in a text are counted, and treated as such on request', async ({ page }) => {
  await page.goto('/?preset=smoke&tokenizer=gpt2');
  await page.getByTestId('text').selectOption('own');
  await page.getByText('Paste a text instead').click();
  await page.getByTestId('own-paste').fill('a rose<|endoftext|>'.repeat(400));
  await page.getByTestId('own-paste-use').click();
  await expect(page.getByTestId('own-ready')).toHaveText(
    'Pasted text: 3,600 tokens from a vocabulary of 50,257',
  );
  await expect(page.getByTestId('own-reading')).toContainText(
    'occurs 400 times and is read as ordinary characters.',
  );
  await page.getByLabel('Treat it as the end of a document').click();
  await expect(page.getByTestId('own-ready')).toHaveText(
    'Pasted text: 1,200 tokens from a vocabulary of 50,257',
  );
  await expect(page.getByTestId('own-reading')).toContainText('marks the end of a document (token 50,256).');
  await expect(page.getByTestId('train')).toBeEnabled();
});

test('a pasted text can be used', async ({ page }) => {
  await page.goto('/?preset=smoke');
  await page.getByTestId('text').selectOption('own');
  await page.getByText('Paste a text instead').click();
  await page.getByTestId('own-paste').fill('a rose is '.repeat(80));
  await page.getByTestId('own-paste-use').click();
  await expect(page.getByTestId('own-ready')).toHaveText('Pasted text: 800 characters, 7 different');
  await expect(page.getByTestId('train')).toBeEnabled();
});
