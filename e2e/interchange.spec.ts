/** Files that go from the page to the command line and back: a run goes on in either, step by step the same. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright/test';
import { expect, reach, snapshot, test } from './page.ts';
import { lavapipeEnv } from './software-gpu/environment.mjs';

const STEPS = 40;
const QUERY = `/?preset=smoke&steps=${STEPS}&accum=24&sample=0&precision=fp16&lossScale=2^34&growthInterval=9&eval-batches=1`;
const CLI = fileURLToPath(new URL('../scripts/cli.mjs', import.meta.url));

type Losses = ReadonlyMap<number, number | null>;

let folder: string;
test.beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
});
test.afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function losses(page: Page): Promise<Losses> {
  const { steps } = (await snapshot(page)).runs[0]!;
  return new Map(steps.map(({ step, loss }) => [step, loss]));
}

/** What a button makes, as a file on the disk. */
async function take(page: Page, testId: string): Promise<{ path: string; name: string }> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId(testId).click()]);
  const path = join(folder, download.suggestedFilename());
  await download.saveAs(path);
  return { path, name: download.suggestedFilename() };
}

/** From within the page: the run would be over before a click from outside arrives. */
async function pauseAt(page: Page, step: number): Promise<void> {
  await page.waitForFunction((least) => {
    if ((window.__trainer?.snapshot().runs[0]?.steps.length ?? 0) < least) return false;
    document.querySelector<HTMLElement>('[data-testid="pause"]')?.click();
    return true;
  }, step);
}

async function give(page: Page, ...paths: string[]): Promise<void> {
  await page.getByTestId('from-file').click();
  await page.getByTestId('model-file-input').setInputFiles(paths);
  await page.getByTestId('from-file').click();
}

/** Goes on with a run on the command line; Ctrl-C as soon as it has taken a step. */
async function goOn(from: string, to: string): Promise<Losses> {
  const args = ['train', '--resume', from, '--save', to, '--json', '--sample', '0'];
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, ...lavapipeEnv() } });
  const seen = new Map<number, number | null>();
  let said = '';
  child.stderr.on('data', (part) => {
    said += part;
  });
  let rest = '';
  child.stdout.on('data', (part) => {
    const lines = (rest + part).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const entry = JSON.parse(line);
      if (typeof entry.step !== 'number' || !('lossScale' in entry)) continue;
      if (seen.size === 0) child.kill('SIGINT');
      seen.set(entry.step, entry.loss);
    }
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code, said).toBe(0);
  return seen;
}

function expectSame(part: Losses, whole: Losses): void {
  expect(part.size).toBeGreaterThan(0);
  for (const [step, loss] of part) expect(loss, `loss of step ${step}`).toBe(whole.get(step));
}

test('a run goes from the page to the command line and back, bit by bit', async ({ page }) => {
  test.setTimeout(400_000);
  await page.goto(QUERY);
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.getByTestId('train').click();
  await pauseAt(page, 5);
  await expect(page.locator('html')).toHaveAttribute('data-run-state', 'paused');
  const paused = await take(page, 'export-run');
  await page.getByTestId('resume').click();
  await reach(page, 'done');
  const whole = await losses(page);
  expect(whole.size).toBe(STEPS);

  // The finished model, and all that another machine needs.
  const model = await take(page, 'export-cluster');
  const files = unzipSync(readFileSync(model.path));
  const inside = (name: string) => files[`${model.name.replace('.zip', '')}/${name}`]!;
  expect(
    Object.keys(files)
      .map((path) => path.split('/')[1])
      .sort(),
  ).toEqual(
    [
      ...['README.txt', 'config.json', 'model.safetensors', 'run.safetensors', 'text.txt'],
      ...['tokenizer.json', 'tokenizer_config.json', 'train_ddp.py'],
    ].sort(),
  );
  expect(JSON.parse(new TextDecoder().decode(inside('config.json')))).toMatchObject({
    n_layer: 2,
    n_head: 2,
  });
  writeFileSync(join(folder, 'model.safetensors'), inside('model.safetensors'));
  const valLoss = (await snapshot(page)).runs[0]!.summary!.valLoss!;

  const onward = join(folder, 'onward.safetensors');
  const there = await goOn(paused.path, onward);
  const taken = Math.max(...there.keys());
  expect(taken).toBeLessThan(STEPS);
  expectSame(there, whole);

  await give(page, onward);
  await expect(page.getByTestId('run-file')).toContainText(`step ${taken} of ${STEPS}`);
  await page.getByTestId('go-on-with-file').click();
  await reach(page, 'preparing', 'training');
  await reach(page, 'done');
  const back = await losses(page);
  expect(Math.min(...back.keys())).toBe(taken + 1);
  expect(Math.max(...back.keys())).toBe(STEPS);
  expectSame(back, whole);
  // The browser has another name for the adapter: here the bits are the same, and elsewhere they might not be.
  const { changes } = (await snapshot(page)).runs[0]!.facts!;
  expect(changes).toMatchObject([
    { step: Math.min(...there.keys()), what: 'adapter' },
    { step: taken + 1, what: 'adapter', from: changes[0]!.to, to: changes[0]!.from },
  ]);
  await expect(page.getByTestId('trouble-changed')).toContainText(
    `From step ${taken + 1} on: another adapter`,
  );

  // Weights alone start another run: the file decides the shape, and says what the run before had learned.
  await give(page, join(folder, 'model.safetensors'));
  await expect(page.getByTestId('model-file')).toContainText('2 layers, 2 heads, width 64');
  await page.getByTestId('group-model').click();
  await expect(page.getByTestId('layers')).toBeDisabled();
  await page.getByTestId('evaluate-file').click();
  await reach(page, 'preparing', 'training');
  await reach(page, 'done');
  const evaluated = (await snapshot(page)).runs[0]!.summary!;
  expect(evaluated.steps).toBe(0);
  expect(evaluated.valLoss).toBe(valLoss);
  expect((await snapshot(page)).runs[0]!.evals).toEqual([{ step: 0, valLoss }]);
  await expect(page.getByTestId('results')).toContainText(valLoss!.toFixed(3));
  await expect(page.getByTestId('results')).toContainText('no step taken');
  await expect(page.getByTestId('results')).not.toContainText('not finite');
});

test('files that are no model and no run of this page are refused by name, and nothing changes', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&precision=fp32');
  await expect(page.getByTestId('train')).toBeEnabled();
  const { settings } = await snapshot(page);
  const refused = async (bytes: Buffer, message: string | RegExp) => {
    const path = join(folder, 'some.safetensors');
    writeFileSync(path, bytes);
    await give(page, path);
    await expect(page.getByTestId('file-error')).toContainText(message);
    expect((await snapshot(page)).settings).toEqual(settings);
  };
  await refused(
    Buffer.from('Call me Ishmael. Some years ago'),
    /header should have \d+ bytes, but 23 follow/,
  );
  await refused(safetensors({}), '"some.safetensors" has no wte.weight.');
  const run = { version: 2 };
  await refused(
    safetensors({ __metadata__: { halfstep: JSON.stringify(run) } }),
    '"some.safetensors" is a run of format version 2; this program reads version 1.',
  );
});

function safetensors(header: object): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}
