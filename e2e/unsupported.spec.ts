import { beforeWorker, expect, snapshot, test } from './page.ts';

const reason = async (page: Parameters<typeof snapshot>[0]) => (await snapshot(page)).unsupported;

test('without navigator.gpu the page says so and offers diagnostics', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
  await page.goto('/?preset=smoke&autostart=1');
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'noNavigatorGpu');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('This browser does not offer WebGPU');
  expect(await reason(page)).toBe('noNavigatorGpu');

  await page.getByTestId('copy-diagnostics').click();
  await expect(page.getByTestId('copy-diagnostics')).toHaveText('Copied');
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  expect(copied).toMatchObject({ reason: 'noNavigatorGpu', webgpu: false, secureContext: true });
  expect(copied.userAgent).toContain('Mozilla');
});

test('without an adapter the page says why and what to do', async ({ page }) => {
  await beforeWorker(page, 'GPU.prototype.requestAdapter = async () => null;');
  await page.goto('/');
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'noAdapter');
  await expect(page.getByTestId('unsupported')).toContainText('graphics acceleration');
  expect(await reason(page)).toBe('noAdapter');
});

test('a refused device is told apart from a missing adapter', async ({ page }) => {
  await beforeWorker(
    page,
    "GPUAdapter.prototype.requestDevice = async () => { throw new DOMException('too busy', 'OperationError'); };",
  );
  await page.goto('/');
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'deviceRequestFailed');
  await expect(page.getByTestId('unsupported')).toContainText('too busy');
});

test('an insecure address is named as the cause', async ({ browser, baseURL }) => {
  // A page of its own: its requests leave the base address on purpose. The host is answered here, not looked up.
  const page = await browser.newPage();
  await page.route('http://halfstep.test/**', async (route) => {
    const { pathname } = new URL(route.request().url());
    await route.fulfill({ response: await route.fetch({ url: `${baseURL}${pathname}` }) });
  });
  await page.goto('http://halfstep.test/');
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'insecureContext');
  await expect(page.getByTestId('unsupported')).toContainText('https');
  // Without a clipboard, the diagnostics are shown to be copied by hand.
  await page.getByTestId('copy-diagnostics').click();
  await expect(page.getByTestId('diagnostics')).toContainText('"secureContext": false');
  await page.close();
});

test('a worker that fails is reported', async ({ browser, baseURL }) => {
  const page = await browser.newPage(); // not watched: the failure is in its console, as it should be
  await beforeWorker(page, "throw new Error('broken on purpose');");
  await page.goto(`${baseURL}/`);
  await expect(page.getByTestId('run-error')).toContainText('WORKER_FAILED');
  await page.close();
});
