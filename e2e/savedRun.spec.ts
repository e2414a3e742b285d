/** A run survives its tab: it is saved in the page's private storage and resumes with identical bits. */
import type { Page } from 'playwright/test';
import { ENDLESS, expect, LAB, reach, reachStep, snapshot, test } from './page.ts';
import { expectSame, recordResults, results } from './runs.ts';

const EVAL_EVERY = 3;
const QUERY = `/?preset=smoke&sample=0&eval-every=${EVAL_EVERY}&eval-batches=1&precision=fp16&lossScale=2^34&growthInterval=9&autostart=1`;

test('a run whose tab was closed can be resumed, with identical steps', async ({ page }) => {
  await recordResults(page);
  await page.goto(`${QUERY}&steps=${ENDLESS}&autosave=1`);
  await expect(page.getByTestId('autosaved')).toContainText('Saved in this browser at step');
  await page.goto('about:blank');

  await page.goto('/?autosave=1');
  const note = page.getByTestId('saved-run');
  await expect(note).toContainText('Mixed f16');
  await page.getByTestId('resume-saved').click();
  await expect(note).toHaveCount(0);
  await reach(page, 'training');
  const { resumedAt } = (await snapshot(page)).runs[0]!.facts!;
  expect(resumedAt).toBeGreaterThan(0);
  await reachStep(page, resumedAt + 2 * EVAL_EVERY);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  const resumed = await results(page);
  const { steps, evals } = (await snapshot(page)).runs[0]!;
  const times = steps.map(({ time }) => time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));

  const last = resumed.at(-1)!.step;
  await page.goto(`${QUERY}&steps=${ENDLESS}&autosave=0`);
  await reachStep(page, last);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  // The steps from before the tab was closed are included.
  expect(resumed[0]!.step).toBe(1);
  expectSame(resumed, await results(page));
  // So is the evaluation at the step of the save, which may have been interrupted. A stop evaluates at any step.
  const regular = (all: typeof evals) => all.filter(({ step }) => step <= last && step % EVAL_EVERY === 0);
  expect(regular(evals)).toEqual(regular((await snapshot(page)).runs[0]!.evals));
});

test('a run that has ended is not offered for resuming', async ({ page }) => {
  await page.goto(`${QUERY}&steps=6&autosave=1`);
  await reach(page, 'done');
  await page.reload();
  await expect(page.getByTestId('train')).toBeEnabled();
  await expect(page.getByTestId('saved-run')).toHaveCount(0);
});

/** Clicks a button and returns the name of the downloaded file. */
async function download(page: Page, testId: string): Promise<string> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByTestId(testId).click()]);
  return file.suggestedFilename();
}

test('a finished run can be sampled, exported and continued after a reload, and the next run does not replace it', async ({
  page,
}) => {
  const query = '/?preset=smoke&sample=0&precision=fp16&autosave=60';
  await page.goto(`${query}&steps=12&autostart=1`);
  await reach(page, 'done');
  await expect(page.getByTestId('autosaved')).toContainText('at step 12');
  const [trained] = (await snapshot(page)).runs;

  await page.goto(`${query}&steps=8`);
  const note = page.getByTestId('ended-run');
  await expect(note).toContainText('A run that finished');
  await expect(note).toContainText(
    'Mixed f16, step 12 of 12, on Moby Dick. The next saved run does not replace it.',
  );
  expect(await download(page, 'export-saved-model')).toBe('halfstep-fp16-step-12-model-f32.zip');
  expect(await download(page, 'export-saved')).toBe('halfstep-fp16-step-12.safetensors');

  // Opening it restores it on the GPU, without recording another run.
  await page.getByTestId('open-ended').click();
  await reach(page, 'done');
  await expect(note).toHaveCount(0);
  const [opened] = (await snapshot(page)).runs;
  expect(opened!.steps.map(({ loss }) => loss)).toEqual(trained!.steps.map(({ loss }) => loss));
  expect(opened!.summary!.valLoss).toBe(trained!.summary!.valLoss);
  await page.getByTestId('sample-prompt').fill('The');
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('sample-fp16')).not.toBeEmpty();
  expect(await download(page, 'export-model')).toBe('halfstep-fp16-step-12-model-f32.zip');
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('run')).toHaveCount(1);
  await page.getByTestId('tab-train').click();

  // Another run is trained and saved beside it; the note says which one the next run replaces.
  await page.getByTestId('train').click();
  await reach(page, 'done');
  await expect(page.getByTestId('autosaved')).toContainText('at step 8');
  await expect(note).toContainText('step 12 of 12, on Moby Dick. The next saved run replaces it');

  // It is continued from its weights, at the learning rate of a longer run.
  await page.getByTestId('train-on-steps').fill('12');
  await expect(page.getByTestId('train-on')).toBeDisabled();
  await page.getByTestId('train-on-steps').fill('20');
  await expect(note).toContainText('The learning rate changes from');
  await expect(note).toContainText(
    'the longer one replaces the other saved run (Mixed f16, step 8 of 8, on Moby Dick).',
  );
  await page.getByTestId('train-on').click();
  await reach(page, 'done');
  const [longer] = (await snapshot(page)).runs;
  expect(longer!.facts!.resumedAt).toBe(12);
  expect(longer!.steps.slice(0, 12).map(({ loss }) => loss)).toEqual(trained!.steps.map(({ loss }) => loss));
  expect(longer!.steps.at(-1)!.step).toBe(20);

  await page.goto(query);
  await expect(note).toHaveCount(2);
  await expect(note.nth(0)).toContainText('step 20 of 20');
  await expect(note.nth(1)).toContainText('step 12 of 12');
  await note.nth(1).getByTestId('discard-ended').click();
  await expect(note).toHaveCount(1);
  await expect(note).toContainText('step 20 of 20');
});

test('a stopped run is kept like a finished one', async ({ page }) => {
  await page.goto('/?preset=smoke&sample=0&steps=100000&autosave=60&autostart=1');
  await reachStep(page, 3);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  const stopped = (await snapshot(page)).runs[0]!.summary!.steps;
  await page.getByTestId('steps').fill('6');
  await page.getByTestId('train').click();
  await reach(page, 'done');
  const note = page.getByTestId('ended-run');
  await expect(note).toContainText(`step ${stopped} of 100,000`);
  expect(await download(page, 'export-saved-model')).toContain(`step-${stopped}`);
});

test('a failed run can be sampled and exported, also after a reload', async ({ page }) => {
  // A fixed scale at which every step overflows, so that the weights keep their initial values.
  await page.goto('/?preset=smoke&sample=0&steps=30&precision=fp16-static&lossScale=2^60&autostart=1');
  await reach(page, 'failed');
  await expect(page.getByTestId('run-error-fp16-static')).toContainText('10 steps in a row were skipped');
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('sample-fp16-static')).not.toBeEmpty();
  expect(await download(page, 'export-model')).toContain('model-f32.zip');
  await page.goto(LAB);
  await expect(page.getByTestId('saved-run')).toContainText('static scale');
  expect(await download(page, 'export-saved-model')).toContain('model-f32.zip');
});

test('another tab can train while one holds the saved run: it warns, and its run is saved once that tab is closed', async ({
  page,
  context,
}) => {
  const other = await context.newPage();
  await other.goto('/texts/NOTICE.txt');
  // Like a tab that hangs while it looks for saved runs.
  await other.evaluate(() => {
    void navigator.locks.request('halfstep.saved-run', () => new Promise(() => {}));
  });
  await page.goto(`${QUERY}&steps=${ENDLESS}&autosave=1`);
  const note = page.getByTestId('autosave-error');
  await expect(note).toContainText('Another tab of Halfstep is using the saved run.');
  await expect(note).toContainText('Close the other tab to have it saved');
  await reachStep(page, 5);
  await expect(page.getByTestId('autosaved')).toHaveCount(0);
  await other.close();
  await expect(page.getByTestId('autosaved')).toContainText('Saved in this browser at step');
  await expect(note).toHaveCount(0);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  const taken = (await snapshot(page)).runs[0]!.summary!.steps;
  // Its curve includes the steps taken before it could be saved.
  await page.goto(LAB);
  await page.getByTestId('resume-saved').click();
  await reachStep(page, taken + 1);
  const { steps, facts } = (await snapshot(page)).runs[0]!;
  expect(facts!.resumedAt).toBe(taken);
  expect(steps.slice(0, taken).map(({ step }) => step)).toEqual(
    Array.from({ length: taken }, (_, i) => i + 1),
  );
});

test('a run saved by a later version is shown, and stays until it is removed', async ({ page, context }) => {
  await page.goto(`${QUERY}&steps=4`);
  await reach(page, 'done');
  await page.goto('about:blank');
  // A file of the same origin that does not open the saved runs.
  const storage = await context.newPage();
  await storage.goto('/texts/NOTICE.txt');
  const form = () =>
    storage.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle('saved-run');
      const sizes: [number, number][] = [];
      for (const name of ['a', 'b']) {
        const file = await (await folder.getFileHandle(name)).getFile();
        if (file.size > 8) sizes.push([file.size, new DataView(await file.arrayBuffer()).getUint32(4, true)]);
      }
      return sizes;
    });
  await storage.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('saved-run');
    for (const name of ['a', 'b']) {
      const handle = await folder.getFileHandle(name);
      if ((await handle.getFile()).size === 0) continue;
      const writable = await handle.createWritable({ keepExistingData: true });
      await writable.write({ type: 'write', position: 4, data: Uint32Array.of(2) });
      await writable.close();
    }
  });
  const kept = await form();
  expect(kept.map(([, version]) => version)).toContain(2);

  for (const steps of [5, 6]) {
    await page.goto(`${QUERY}&steps=${steps}`);
    await reach(page, 'done');
    await expect(page.getByTestId('autosaved')).toContainText(`at step ${steps}`);
  }
  const note = page.getByTestId('unreadable-run');
  await expect(note).toContainText('A run saved here by another version of Halfstep cannot be read');
  await expect(note).toContainText('It is kept until you remove it. To resume it, reload the page');
  expect(await form()).toEqual(kept);
  await page.goto(LAB);
  await note.getByTestId('discard-unreadable').click();
  await expect(note).toHaveCount(0);
});

test('impossible exports say why before they are pressed, for runs on the GPU and for stored ones', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&sample=0&steps=4&norm=rmsnorm&autostart=1');
  await reach(page, 'done');
  await expect(page.getByTestId('export-run')).toBeEnabled();
  await expect(page.getByTestId('export-model')).toBeDisabled();
  await expect(page.getByTestId('export-model-about')).toContainText('The model has norm rmsnorm');
  await expect(page.getByTestId('export-cluster')).toBeDisabled();
  await expect(page.getByTestId('export-cluster-about')).toContainText('norm rmsnorm');
  await page.goto(LAB);
  const note = page.getByTestId('ended-run');
  await expect(note.getByTestId('export-saved')).toBeEnabled();
  await expect(note.getByTestId('export-saved-model')).toBeDisabled();
  await expect(note).toContainText('Save the run instead');
});
