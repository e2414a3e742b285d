/** A model from an address that the visitor typed. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type Page, test as unwatched } from 'playwright/test';
import { gpt2Folder } from './gpt2Folder.ts';
import { builtFile, expect, snapshot, test } from './page.ts';

const FILES = new Map(gpt2Folder());
const SERVED = 'test-model';

async function load(page: Page, address: string): Promise<void> {
  await page.getByTestId('from-file').click();
  await page.getByTestId('model-url').fill(address);
  await page.getByTestId('model-url-load').click();
}

const facts = (page: Page) => page.getByTestId('model-file');

test('a model’s folder on a server is loaded', async ({ page, baseURL }) => {
  const folder = builtFile(`${baseURL}/${SERVED}`);
  mkdirSync(folder, { recursive: true });
  try {
    for (const [name, content] of FILES) writeFileSync(`${folder}/${name}`, content);
    await page.goto('/?preset=smoke&precision=fp32');
    await expect(page.getByTestId('train')).toBeEnabled();
    await load(page, `${baseURL}/${SERVED}`);
    await expect(facts(page)).toContainText('2 layers, 2 heads, width 16');
    expect((await snapshot(page)).settings.init).toMatchObject({ heads: 2, tokenizer: 'char' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

// The watched page allows no other host.
unwatched(
  'a download that broke continues where it was, and one that waits can be cancelled',
  async ({ page }) => {
    const ranges: (string | undefined)[] = [];
    await page.route('https://models.example/**', async (route) => {
      const name = route.request().url().split('/').at(-1)!;
      const bytes = FILES.get(name)!;
      const range = route.request().headers().range;
      const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
      const headers = { 'access-control-allow-origin': '*', 'content-type': 'application/octet-stream' };
      if (name !== 'model.safetensors') return route.fulfill({ body: bytes, headers });
      ranges.push(range);
      if (ranges.length === 3) return; // never answered
      const length = String(bytes.length - from);
      const body = ranges.length === 1 ? bytes.subarray(0, 1000) : bytes.subarray(from);
      return route.fulfill({ status: 206, body, headers: { ...headers, 'content-length': length } });
    });
    await page.goto('/?preset=smoke&precision=fp32');
    await expect(page.getByTestId('train')).toBeEnabled();
    await load(page, 'https://models.example/a-model');
    const error = page.getByTestId('file-error');
    await expect(error).toContainText(
      `the connection broke after 1000 of ${FILES.get('model.safetensors')!.length} bytes`,
    );
    await error.getByTestId('file-load-again').click();
    await expect(facts(page)).toContainText('2 layers, 2 heads, width 16');
    expect(ranges).toEqual(['bytes=0-', 'bytes=1000-']);

    await page.getByTestId('close-file').click();
    await page.getByTestId('model-url-load').click();
    await expect(page.getByTestId('file-loading')).toContainText('model.safetensors');
    await page.getByTestId('file-cancel').click();
    await expect(page.getByTestId('file-stopped')).toContainText('was cancelled');
    expect((await snapshot(page)).settings.init).toBeNull();
    await page.getByTestId('file-load-again').click();
    await expect(facts(page)).toContainText('2 layers, 2 heads, width 16');
  },
);
