/** Files of a model's folder that are chosen or dropped together. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright/test';
import { expect, snapshot, test } from './page.ts';

const WEIGHTS = readFileSync(new URL('../test/fixtures/gpt2_conv1d.safetensors', import.meta.url));
const CONFIG = { model_type: 'gpt2', n_layer: 2, n_head: 2, n_embd: 16, n_positions: 8, vocab_size: 11 };
const TOKENIZER = {
  model: { type: 'BPE', vocab: Object.fromEntries([...'abcdefghijk'].map((c, id) => [c, id])), merges: [] },
};

const text = (json: object) => Buffer.from(`\uFEFF${JSON.stringify(json)}`);
type Files = readonly (readonly [name: string, bytes: Buffer])[];
const folder = (config: object = CONFIG): Files => [
  ['config.json', text(config)],
  ['generation_config.json', text({ eos_token_id: 50256 })],
  ['model.safetensors', WEIGHTS],
  ['tokenizer.json', text(TOKENIZER)],
];

async function choose(page: Page, files: Files): Promise<void> {
  await page.getByTestId('from-file').click();
  await page
    .getByTestId('model-file-input')
    .setInputFiles(files.map(([name, buffer]) => ({ name, mimeType: '', buffer })));
  // The result is shown at the top of the page.
  const note = page.getByTestId('model-file').or(page.getByTestId('file-error'));
  await expect(note).toBeInViewport();
  await page.getByTestId('from-file').click();
}

async function drop(page: Page, files: Files): Promise<void> {
  const dataTransfer = await page.evaluateHandle(
    (all) => {
      const data = new DataTransfer();
      for (const [name, bytes] of all) data.items.add(new File([Uint8Array.from(bytes)], name));
      return data;
    },
    files.map(([name, bytes]) => [name, [...bytes]] as const),
  );
  await page.dispatchEvent('body', 'drop', { dataTransfer });
}

test('chosen and dropped model folders are handled alike, and a mismatching configuration is refused with both numbers', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&precision=fp32');
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.getByTestId('group-data').click();
  for (const give of [choose, drop]) {
    await give(page, folder());
    await expect(page.getByTestId('model-file')).toContainText('2 layers, 2 heads, width 16');
    expect((await snapshot(page)).settings.init).toMatchObject({ heads: 2, tokenizer: 'char' });
    await expect(page.getByTestId('tokenizer')).toBeDisabled();
    await page.getByTestId('close-file').click();
    await expect(page.getByTestId('tokenizer')).toBeEnabled();

    await give(page, folder({ ...CONFIG, n_layer: 12 }));
    await expect(page.getByTestId('file-error')).toContainText(
      'The config.json beside "model.safetensors" says n_layer 12 where the weights have 2.',
    );
    expect((await snapshot(page)).settings.init).toBeNull();
  }
  for (const give of [choose, drop]) {
    await give(page, folder().slice(0, 2));
    await expect(page.getByTestId('file-error')).toContainText(
      'None of the 2 files ("config.json", "generation_config.json") has weights that are read here',
    );
  }
});
