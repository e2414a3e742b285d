import { beforeWorker, builtFile, expect, expectNoSidewaysScroll, LAB, snapshot, test } from './page.ts';

const SYSTEMS: Partial<Record<NodeJS.Platform, string>> = {
  darwin: 'macOS',
  linux: 'Linux',
  win32: 'Windows',
};
const THIS_BROWSER = new RegExp(`^This is (Chrome|Edge) \\d+ on ${SYSTEMS[process.platform]}\\.$`);

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

test('without an adapter the page explains why and what to do', async ({ page }) => {
  await beforeWorker(page, 'GPU.prototype.requestAdapter = async () => null;');
  await page.goto(LAB);
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'noAdapter');
  await expect(page.getByTestId('unsupported')).toContainText('graphics acceleration');
  expect(await reason(page)).toBe('noAdapter');
});

test('a refused device is distinguished from a missing adapter', async ({ page }) => {
  await beforeWorker(
    page,
    "GPUAdapter.prototype.requestDevice = async () => { throw new DOMException('too busy', 'OperationError'); };",
  );
  await page.goto(LAB);
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'deviceRequestFailed');
  await expect(page.getByTestId('unsupported')).toContainText('too busy');
});

test('limits that are too low are reported with both numbers', async ({ page }) => {
  await beforeWorker(
    page,
    "Object.defineProperty(GPUSupportedLimits.prototype, 'maxComputeInvocationsPerWorkgroup', { get: () => 64 });",
  );
  await page.goto(LAB);
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'limitsTooLow');
  await expect(page.getByTestId('unsupported')).toContainText(
    "The adapter's maxComputeInvocationsPerWorkgroup is 64; even the smallest model needs 256.",
  );
  // The adapter's limits are in the diagnostics.
  await expect(page.getByTestId('diagnostics')).toContainText(
    /"maxComputeInvocationsPerWorkgroup": (256|512|1024|2048)\b/,
  );
});

test('a block by policy is reported as such, and a recorded run is shown', async ({ page }) => {
  await beforeWorker(
    page,
    "GPU.prototype.requestAdapter = async () => { throw new DOMException('not allowed here', 'SecurityError'); };",
  );
  await page.goto(LAB);
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'blockedByPolicy');
  await expect(page.getByTestId('unsupported')).toContainText('administrator');
  await expect(page.getByTestId('browser')).toHaveText(THIS_BROWSER);
  await expect(page.getByTestId('support')).toContainText('as of November 2026');

  const recorded = page.getByTestId('recorded-run');
  await expect(recorded).toContainText(/trained on \d{4}-\d\d-\d\d on .*llvmpipe/);
  await expect(recorded.locator('path.loss-line')).toHaveCount(3);
  await expect(page.getByTestId('result-val-loss-fp16-noscale')).toHaveText(/^3\.\d{3}$/);
  // It is a recording, not a training.
  await expect(page).toHaveTitle('Halfstep');
  await expect(page.locator('html')).toHaveAttribute('data-run-state', 'idle');
  await expectNoSidewaysScroll(page);
});

for (const [width, height] of [
  [1440, 900],
  [375, 812],
] as const) {
  test(`without WebGPU a recorded run is on the first screen, ${width} px wide`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
    await page.goto(LAB);
    const curves = page.getByTestId('recorded-run').locator('path.loss-line');
    await expect(curves).toHaveCount(3);
    const box = (await curves.first().boundingBox())!;
    // The reason and the remedy are above it, and the whole chart is visible without scrolling.
    expect(box.y + box.height).toBeLessThanOrEqual(height);
    const remedy = (await page.getByTestId('remedy').boundingBox())!;
    expect(remedy.y + remedy.height).toBeLessThanOrEqual(box.y);
    await expectNoSidewaysScroll(page);
    // The details are far below, but one click away.
    await page.getByTestId('remedy').click();
    await expect(page.getByRole('heading', { name: 'Why training is not possible here' })).toBeInViewport();
  });
}

test('an insecure address is named as the cause', async ({ browser }) => {
  // A separate page, because its requests leave the base address on purpose. The host is answered here, not resolved.
  const page = await browser.newPage();
  await page.route('http://halfstep.test/**', async (route) => {
    await route.fulfill({ path: builtFile(route.request().url()) });
  });
  await page.goto(`http://halfstep.test${LAB}`);
  await expect(page.getByTestId('unsupported')).toHaveAttribute('data-reason', 'insecureContext');
  await expect(page.getByTestId('unsupported')).toContainText('https');
  // Without a clipboard, the diagnostics are shown to be copied by hand.
  await page.getByTestId('copy-diagnostics').click();
  await expect(page.getByTestId('diagnostics')).toContainText('"secureContext": false');
  await page.close();
});

test('a worker that fails is reported', async ({ browser, baseURL }) => {
  const page = await browser.newPage(); // not watched, because the failure is logged, as it should be
  await beforeWorker(page, "throw new Error('broken on purpose');");
  await page.goto(`${baseURL}${LAB}`);
  await expect(page.getByTestId('run-error')).toContainText('WORKER_FAILED');
  await page.close();
});

test('a worker blocked by a policy is reported as such, with the rule that blocks it', async ({
  browser,
  baseURL,
}) => {
  const page = await browser.newPage(); // not watched, because the browser logs what it blocks
  await page.route(`${baseURL}/`, async (route) => {
    const headers = { 'content-type': 'text/html', 'content-security-policy': "worker-src 'none'" };
    await route.fulfill({ path: builtFile(route.request().url()), headers });
  });
  await page.goto(`${baseURL}${LAB}`);
  const note = page.getByTestId('unsupported');
  await expect(note).toHaveAttribute('data-reason', 'workerBlocked');
  await expect(note).toContainText(/worker-src 'none'.*blocks \S+\/assets\/worker-[\w-]+\.js/);
  await expect(page.getByTestId('recorded-run')).toContainText('trained on');
  expect((await snapshot(page)).status).toBe('idle');
  await page.close();
});

for (const [name, answer] of [
  ['is not there', { status: 404, body: 'not found' }],
  ['comes as plain text', { status: 200, contentType: 'text/plain', body: '' }],
] as const) {
  test(`a worker whose script ${name} is reported as one that did not load`, async ({ browser, baseURL }) => {
    const page = await browser.newPage(); // not watched, because the browser logs it
    await page.route(/\/worker-[^/]*\.js$/, (route) => route.fulfill(answer));
    await page.goto(`${baseURL}/?autostart=1`);
    const note = page.getByTestId('unsupported');
    await expect(note).toHaveAttribute('data-reason', 'workerMissing');
    await expect(note).toContainText(/\/assets\/worker-[\w-]+\.js/);
    await expect(note).toContainText('reload');
    await page.close();
  });
}
