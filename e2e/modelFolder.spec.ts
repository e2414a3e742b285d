/** Files of a model's folder that are chosen or dropped together. */
import type { Page } from 'playwright/test';
import { dropFiles } from './dropFile.ts';
import { CONFIG, type Files, gpt2Folder } from './gpt2Folder.ts';
import { expect, snapshot, test } from './page.ts';

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

test('chosen and dropped model folders are handled alike, and a mismatching configuration is refused with both numbers', async ({
  page,
}) => {
  await page.goto('/?preset=smoke&precision=fp32');
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.getByTestId('group-data').click();
  for (const give of [choose, dropFiles]) {
    await give(page, gpt2Folder());
    await expect(page.getByTestId('model-file')).toContainText('2 layers, 2 heads, width 16');
    expect((await snapshot(page)).settings.init).toMatchObject({ heads: 2, tokenizer: 'char' });
    await expect(page.getByTestId('tokenizer')).toBeDisabled();
    await page.getByTestId('close-file').click();
    await expect(page.getByTestId('tokenizer')).toBeEnabled();

    await give(page, gpt2Folder({ ...CONFIG, n_layer: 12 }));
    await expect(page.getByTestId('file-error')).toContainText(
      'The config.json beside "model.safetensors" says n_layer 12 where the weights have 2.',
    );
    expect((await snapshot(page)).settings.init).toBeNull();
  }
  for (const give of [choose, dropFiles]) {
    await give(page, gpt2Folder().slice(0, 2));
    await expect(page.getByTestId('file-error')).toContainText(
      'None of the 2 files ("config.json", "generation_config.json") has weights that are read here',
    );
  }
});
