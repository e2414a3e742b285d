import { adapterFacts } from './adapter.ts';
import { makeRunsUp } from './madeUpRuns.ts';
import { beforeWorker, ENDLESS, expect, reach, reachStep, snapshot, test } from './page.ts';

test('invalid numbers are explained at their fields, and numbers can be reset to the preset', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&layers=3');
  await expect(page.getByTestId('adapter')).toBeVisible();
  await expect(page.getByTestId('preset-changes')).toContainText('1 change from the preset');

  await page.getByTestId('group-model').click();
  await page.getByTestId('group-training').click();
  await page.getByTestId('heads').fill('3');
  await expect(page.getByText('Width 64 is not divisible by 3 heads. Use width')).toHaveCount(2); // at the field and below the button
  await expect(page.getByTestId('train')).toBeDisabled();
  await page.getByTestId('width').fill('96');
  await expect(page.getByTestId('train')).toBeEnabled();

  // Typed text stays as typed.
  await page.getByTestId('lr').pressSequentially('0.002');
  await expect(page.getByTestId('lr')).toHaveValue('0.002');
  await expect(page.getByTestId('min-lr')).toHaveAttribute('placeholder', '0.0002');
  await page.getByTestId('clip').fill('a little');
  await expect(page.getByTestId('clip')).toHaveValue('a little');
  await expect(page.getByText(/is "a little", which is not a number\./)).toBeVisible();
  await expect(page.getByTestId('group-training')).toContainText('1 to correct');

  await page.getByTestId('reset-clip').click();
  await expect(page.getByTestId('clip')).toHaveValue('');
  await expect(page.getByTestId('preset-changes')).toContainText('4 changes from the preset');
  await page.getByTestId('reset-all').click();
  await expect(page.getByTestId('preset-changes')).toBeHidden();
  const { settings } = await snapshot(page);
  expect(settings).toMatchObject({ preset: 'smoke', layers: null, heads: null, width: null, lr: null });
});

test('the memory plan is itemised, and a button fixes a batch that is too large', async ({ page }) => {
  await page.goto('/?preset=smoke&modes=fp16,fp32');
  await page.getByTestId('memory-plan').click();
  await expect(page.getByTestId('memory-fp16')).toContainText('Compute copy');
  await expect(page.getByTestId('memory-fp32')).not.toContainText('Compute copy');
  await expect(page.getByTestId('saving-fp16')).toHaveText(
    /^Mixed f16 saves \d+\.\d MiB against FP32: activations and their gradients −\d+\.\d.*\+0\.\d/,
  );

  await page.getByTestId('group-training').click();
  const kept = await page.getByTestId('memory-fp32').getByRole('heading').innerText();
  await page.getByTestId('recompute').selectOption({ label: 'GELU and layer norm' });
  await expect(page.getByTestId('memory-fp32').getByRole('heading')).not.toHaveText(kept);
  expect((await snapshot(page)).settings.recompute).toBe('gelu-ln');

  await page.getByTestId('batch').fill('60000');
  await expect(page.getByTestId('obstacle')).toContainText(/needs .* MiB in one buffer; this adapter allows/);
  await expect(page.getByTestId('train')).toBeDisabled();
  const label = await page.getByTestId('use-fitting-micro-batch').innerText();
  await page.getByTestId('use-fitting-micro-batch').click();
  await expect(page.getByTestId('train')).toBeEnabled();
  expect(label).toBe(`Use micro-batch ${await page.getByTestId('micro-batch').inputValue()}`);
  await expect(page.getByTestId('batch')).toHaveValue('60000');
});

test('FP8 settings are shown for FP8 modes, and block-scaled activations change the plan', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&precision=fp8');
  await page.getByTestId('group-fp8').click();
  await expect(page.getByTestId('amax-history')).toBeHidden();
  await page.getByTestId('memory-plan').click();
  const heading = page.getByTestId('memory-fp8').getByRole('heading');
  const kept = await heading.innerText();
  await page.getByTestId('fp8-activations').selectOption('1x16');
  await expect(heading).not.toHaveText(kept);
  await page.getByTestId('precision').selectOption('fp8-delayed');
  await page.getByTestId('amax-history').fill('1025');
  await expect(page.getByTestId('train')).toBeDisabled();
  await page.getByTestId('amax-history').fill('64');
  await expect(page.getByTestId('train')).toBeEnabled();
  expect((await snapshot(page)).settings).toMatchObject({
    'quantize-activations': '1x16',
    'amax-history': 64,
  });
  await page.getByTestId('precision').selectOption('fp16');
  await expect(page.getByTestId('group-fp8')).toBeHidden();
  await expect(page.getByTestId('train')).toBeEnabled();
  expect((await snapshot(page)).settings).toMatchObject({
    'quantize-activations': null,
    'amax-history': null,
  });
});

test('the largest batch for a budget is confirmed by a step and can be used', async ({ page }) => {
  await page.goto('/?preset=smoke&precision=fp32&sample=0');
  await page.getByTestId('largest-batch').click();
  await page.getByTestId('budget').fill('2');
  await page.getByTestId('find-batch').click();
  await expect(page.getByTestId('batch-outcome-fp32')).toHaveText(
    'Not even one sequence fits: the budget allows no more.',
  );

  await page.getByTestId('budget').fill('6');
  await page.getByTestId('find-batch').click();
  await expect(page.getByTestId('batch-outcome-fp32')).toHaveText(
    /^Confirmed by a step; the budget allows no more\. Recompute \(GELU\) would allow \d+\.$/,
  );
  const batch = Number(await page.getByTestId('batch-fp32').innerText());
  expect(batch).toBeGreaterThan(0);
  await page.getByTestId('use-batch-fp32').click();
  expect((await snapshot(page)).settings.batch).toBe(batch);
});

test('the adapter is described, and can be measured except while it trains', async ({ page }) => {
  await page.goto(`/?preset=smoke&steps=${ENDLESS}&sample=0`);
  await page.getByTestId('device').click();
  const { isSoftware, hasHalf, storage } = await adapterFacts(page);
  const identity = expect(page.getByTestId('device-identity'));
  await (isSoftware ? identity : identity.not).toContainText('software');
  const why = hasHalf ? 'which software adapters read faster' : 'lacks shader-f16';
  await expect(page.getByTestId('device-modes')).toContainText(
    storage === 'native' ? 'this adapter has shader-f16' : why,
  );
  await page.getByTestId('benchmark').click();
  for (const figure of ['peak', 'f32', 'f16', 'copy']) {
    await expect(page.getByTestId(`benchmark-${figure}`)).toHaveText(/^\d+(\.\d+)? [kMGT](FLOP|B)\/s$/);
  }

  await page.getByTestId('train').click();
  await reachStep(page, 1);
  await expect(page.getByTestId('benchmark')).toBeDisabled();

  // Settings can be changed while it trains and take effect at a restart.
  await page.getByTestId('steps').fill('3');
  await expect(page.getByTestId('restart-changes')).toHaveText('Restart to apply 1 change');
  await page.getByTestId('restart-changes').click();
  await reach(page, 'done');
  const { runs } = await snapshot(page);
  expect(runs[0]!.summary!.steps).toBe(3);
});

test('a preset with slow first steps is replaced by a smaller one, with a note, and Undo restores it permanently', async ({
  page,
}) => {
  await makeRunsUp(page, { stepsPerMessage: 3, stepMs: 1200 });
  await page.goto(`/?steps=${ENDLESS}&sample=0`);
  await expect(page.getByTestId('preset')).toHaveValue('starter');
  await page.getByTestId('train').click();

  const adapted = page.getByTestId('preset-adapted');
  await expect(adapted).toContainText('A step of Starter took 1.2 s here, so a smaller preset is chosen.');
  await expect(page.getByTestId('preset')).toHaveValue('smoke');
  const width = async () => (await snapshot(page)).runs[0]?.config.width;
  await expect.poll(width, { message: 'width of the smaller preset' }).toBe(64);
  await reachStep(page, 6); // the smallest preset is slow too, but training continues

  await page.getByTestId('preset-undo').click();
  await expect(adapted).toBeHidden();
  await expect.poll(width, { message: 'width of the restored preset' }).toBe(128);
  await reachStep(page, 9);
  expect((await snapshot(page)).settings.preset).toBe('starter');
  await expect(adapted).toBeHidden();
});

test('the benchmark and the batch search can be cancelled, and a training can then use the GPU', async ({
  page,
}) => {
  // The worker is blocked while it waits for the GPU, so that there is time to cancel on any adapter.
  await beforeWorker(
    page,
    `{
       const { popErrorScope } = GPUDevice.prototype;
       let go = () => {};
       let held = Promise.resolve();
       new BroadcastChannel('gpu').onmessage = ({ data }) => {
         if (data === 'hold') held = new Promise((resolve) => { go = resolve; });
         else go();
       };
       GPUDevice.prototype.popErrorScope = async function () {
         await held;
         return popErrorScope.call(this);
       };
     }`,
  );
  const gpu = (what: 'hold' | 'go') =>
    page.evaluate((message) => new BroadcastChannel('gpu').postMessage(message), what);
  await page.goto('/?preset=smoke&steps=3&precision=fp32&sample=0');
  await expect(page.getByTestId('adapter')).toBeVisible();
  await page.getByTestId('device').click();
  await gpu('hold');
  await page.getByTestId('benchmark').click();
  await page.getByTestId('cancel-benchmark').click();
  await expect(page.getByTestId('cancel-benchmark')).toHaveText('Cancelling…');
  await gpu('go');
  await expect(page.getByTestId('cancel-benchmark')).toBeHidden();
  await expect(page.getByTestId('benchmark')).toBeEnabled();
  await expect(page.getByTestId('benchmark-result')).toBeHidden();

  await page.getByTestId('largest-batch').click();
  await gpu('hold');
  await page.getByTestId('budget').fill('4');
  await page.getByTestId('find-batch').click();
  await expect(page.getByTestId('batch-outcome-fp32')).toContainText('Taking a step');
  await page.getByTestId('cancel-find-batch').click();
  await gpu('go');
  await expect(page.getByTestId('batch-outcome-fp32')).toContainText('Planned but not confirmed');
  await expect(page.getByTestId('find-batch')).toBeEnabled();

  await page.getByTestId('train').click();
  await reach(page, 'done');
});
