/** Opens a real model in the real page and compares losses and greedy tokens with recorded ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page } from 'playwright/test';
import { reach, snapshot, test, waitFor } from '../page.ts';

const BOUND = 1e-5;

interface Expected {
  readonly text: string;
  readonly loss64: number;
  /** Scored tokens. */
  readonly n: number;
  /** Ids of the greedy continuation. */
  readonly greedy: readonly number[];
  /** The text with its continuation. */
  readonly greedy_text: string;
}

const folder = process.env.LLAMA_FOLDER ?? '';

async function score(page: Page, text: string): Promise<{ tokens: number; loss: number }> {
  await page.getByTestId('score-text').fill(text);
  await page.getByTestId('score-start').click();
  const line = page.getByTestId('score-result');
  await expect(line).toContainText('perplexity');
  const [, tokens, loss] =
    /^([\d,]+) tokens?, loss ([\d.]+) nats/.exec((await line.textContent()) ?? '') ?? [];
  return { tokens: Number(tokens?.replaceAll(',', '')), loss: Number(loss) };
}

async function greedy(page: Page, prompt: string, length: number) {
  const before = (await snapshot(page)).runs[0]!.samples.length;
  const fields = { prompt, temperature: '0', topk: '0', length: String(length) };
  for (const [field, value] of Object.entries(fields)) await page.getByTestId(`sample-${field}`).fill(value);
  await page.getByTestId('sample').click();
  await waitFor(
    page,
    `a sample after ${JSON.stringify(prompt)}`,
    (count) => (window.__trainer!.snapshot().runs[0]?.samples.length ?? 0) > count,
    before,
  );
  const { sample, errors } = await snapshot(page).then(({ runs, errors }) => ({
    sample: runs[0]!.sample!,
    errors,
  }));
  expect(errors).toEqual([]);
  expect(sample.prompt).toBe(prompt);
  return sample;
}

test('losses and greedy tokens are those that were recorded', async ({ page }) => {
  const { res, bos_greedy, bos_text } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
    res: readonly Expected[];
    bos_greedy: readonly number[];
    bos_text: string;
  };
  await page.goto('/?preset=smoke&precision=fp32&batch=1&eval-batches=1');
  await page.getByTestId('from-file').click();
  await page.getByTestId('model-folder-input').setInputFiles(folder);
  await expect(page.getByTestId('model-file')).toContainText('Training starts from the weights');
  await page.getByTestId('score').click();
  for (const { text, loss64, n } of res) {
    const { tokens, loss } = await score(page, text);
    const error = Math.abs(loss - loss64);
    console.log(
      `${JSON.stringify(text.slice(0, 40))}: ${tokens} tokens, loss ${loss}, off by ${error.toExponential(1)} (bound ${BOUND})`,
    );
    expect(tokens).toBe(n);
    expect(error).toBeLessThan(BOUND);
  }
  // Without steps, the model is evaluated and stays on the GPU.
  await page.getByTestId('evaluate-file').click();
  await reach(page, 'done');
  for (const { text, greedy: ids, greedy_text } of res) {
    const sample = await greedy(page, text, ids.length);
    expect(sample.ids).toEqual(ids);
    expect(text + sample.text).toBe(greedy_text);
    console.log(
      `${JSON.stringify(text.slice(0, 40))}: ${ids.length} greedy tokens equal, ${sample.tokensPerSec?.toFixed(0)} tokens/s`,
    );
  }
  const alone = await greedy(page, '', bos_greedy.length);
  expect(alone.ids).toEqual(bos_greedy);
  expect(bos_text.startsWith(alone.text)).toBe(true);
  console.log(`an empty prompt: ${bos_greedy.length} greedy tokens equal`);
});
