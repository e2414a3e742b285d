import type { Page } from 'playwright/test';
import type { Files } from './gpt2Folder.ts';
import { expect } from './page.ts';

/** Drags a text over the page, which says that it takes it, and drops it. */
export async function drop(page: Page, name: string, text: string): Promise<void> {
  await dropFiles(page, [[name, Buffer.from(text)]]);
}

/** Drags files together over the page, which says that it takes them, and drops them. */
export async function dropFiles(page: Page, files: Files): Promise<void> {
  const dataTransfer = await page.evaluateHandle(
    (all) => {
      const data = new DataTransfer();
      for (const [name, bytes] of all) data.items.add(new File([Uint8Array.from(bytes)], name));
      return data;
    },
    files.map(([name, bytes]) => [name, [...bytes]] as const),
  );
  await page.dispatchEvent('body', 'dragover', { dataTransfer });
  await expect(page.getByTestId('drop-hint')).toBeVisible();
  await page.dispatchEvent('body', 'drop', { dataTransfer });
  await expect(page.getByTestId('drop-hint')).toBeHidden();
}
