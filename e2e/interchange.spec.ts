/** Files exchanged between the page and the command line: a run can be resumed in either, with identical steps. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright/test';
import { WAIT_MS } from './limits.ts';
import { ENDLESS, expect, LAB, reach, reachStep, snapshot, test } from './page.ts';
import { recordResults, results } from './runs.ts';
import { lavapipeEnv } from './software-gpu/environment.mjs';

const QUERY = `/?preset=smoke&steps=${ENDLESS}&sample=0&precision=fp16&lossScale=2^34&growthInterval=9&eval-batches=1`;
const CLI = fileURLToPath(new URL('../scripts/cli.mjs', import.meta.url));

type Losses = ReadonlyMap<number, number | null>;

let folder: string;
test.beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
});
test.afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function losses(page: Page): Promise<Losses> {
  return new Map((await results(page)).map(({ step, loss }) => [step, loss]));
}

/** Saves the file that a button exports. */
async function take(page: Page, testId: string): Promise<{ path: string; name: string }> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId(testId).click()]);
  const path = join(folder, download.suggestedFilename());
  await download.saveAs(path);
  return { path, name: download.suggestedFilename() };
}

async function give(page: Page, ...paths: string[]): Promise<void> {
  await page.getByTestId('from-file').click();
  await page.getByTestId('model-file-input').setInputFiles(paths);
  await page.getByTestId('from-file').click();
}

/** Resumes a run on the command line and sends Ctrl-C after its first step. */
async function resumeInTerminal(from: string, to: string): Promise<Losses> {
  const args = ['train', '--resume', from, '--save', to, '--json', '--sample', '0'];
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...lavapipeEnv() },
    timeout: WAIT_MS,
  });
  const seen = new Map<number, number | null>();
  let stderr = '';
  child.stderr.on('data', (part) => {
    stderr += part;
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
  expect(code, `exit code of ${args.join(' ')} (null after ${WAIT_MS / 60_000} minutes): ${stderr}`).toBe(0);
  return seen;
}

function expectSame(part: Losses, whole: Losses): void {
  expect(part.size).toBeGreaterThan(0);
  for (const [step, loss] of part) expect(loss, `loss of step ${step}`).toBe(whole.get(step));
}

test('a run moves from the page to the command line and back with identical bits', async ({
  page,
  context,
}) => {
  await recordResults(page);
  await page.goto(QUERY);
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.getByTestId('train').click();
  await reachStep(page, 5);
  await page.getByTestId('pause').click();
  await reach(page, 'paused');
  const paused = await take(page, 'export-run');

  // The run stays paused here. On the command line and in another tab it takes the steps that it takes here later.
  const onward = join(folder, 'onward.safetensors');
  const there = await resumeInTerminal(paused.path, onward);
  const taken = Math.max(...there.keys());
  const other = await context.newPage();
  await recordResults(other);
  await other.goto(LAB);
  await expect(other.getByTestId('train')).toBeEnabled();
  await give(other, onward);
  await expect(other.getByTestId('run-file')).toContainText(`step ${taken} of `);
  await other.getByTestId('go-on-with-file').click();
  await reachStep(other, taken + 10);
  await other.getByTestId('stop').click();
  await reach(other, 'done');
  const back = await losses(other);
  // The browser names the adapter differently. Here the bits are the same; on another adapter they might differ.
  const { changes } = (await snapshot(other)).runs[0]!.facts!;
  expect(changes).toMatchObject([
    { step: Math.min(...there.keys()), what: 'adapter' },
    { step: taken + 1, what: 'adapter', from: changes[0]!.to, to: changes[0]!.from },
  ]);
  await expect(other.getByTestId('warning-changed')).toContainText(
    `From step ${taken + 1} on: another adapter`,
  );
  await other.close();

  await page.getByTestId('resume').click();
  await reachStep(page, Math.max(...back.keys()));
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  const whole = await losses(page);
  expectSame(there, whole);
  expect(Math.min(...back.keys())).toBe(taken + 1);
  expectSame(back, whole);

  // The finished model and everything that a cluster needs.
  const model = await take(page, 'export-cluster');
  const files = unzipSync(readFileSync(model.path));
  const inside = (name: string) => files[`${model.name.replace('.zip', '')}/${name}`]!;
  expect(
    Object.keys(files)
      .map((path) => path.split('/')[1])
      .sort(),
  ).toEqual(
    [
      ...['README.md', 'README.txt', 'config.json', 'model.safetensors', 'run.safetensors', 'text.txt'],
      ...['tokenizer.json', 'tokenizer_config.json', 'train_ddp.py', 'halfstep_model.py'],
    ].sort(),
  );
  expect(JSON.parse(new TextDecoder().decode(inside('config.json')))).toMatchObject({
    n_layer: 2,
    n_head: 2,
  });
  writeFileSync(join(folder, 'model.safetensors'), inside('model.safetensors'));
  const valLoss = (await snapshot(page)).runs[0]!.summary!.valLoss!;

  // Weights alone start another run: the file decides the shape, and its loss equals that of the previous run.
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

test('files that are neither a model nor a run are refused by name, and nothing changes', async ({
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
  await refused(
    safetensors({}),
    '"some.safetensors" has no wte.weight (GPT-2) and no embed_tokens.weight (Llama).',
  );
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
