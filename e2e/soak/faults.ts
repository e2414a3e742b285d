/** The faults that a soak injects into a training, and checks that the run survived. */
import type { Page } from 'playwright/test';
import { expect, reach, snapshot } from '../page.ts';
import { atLeast, inject, lastStep, refusals, savedStep } from './visit.ts';

export const FAULTS = ['device lost', 'quota', 'save failed', 'hidden', 'killed', 'save damaged'] as const;
export type Fault = (typeof FAULTS)[number];

/** The run resumes by itself; after two losses within a minute it ends, saved, and is resumed by hand. */
export async function loseDevice(page: Page): Promise<void> {
  const before = await lastStep(page);
  await inject(page, 'lose');
  await atLeast(page, 'a step', lastStep, before + 1);
  if ((await snapshot(page)).status !== 'lost') return;
  await page.getByTestId('resume-saved').click();
  await reach(page, 'training');
}

/** Training continues, the previous save is kept, and a later save succeeds. */
export async function refuseWrite(
  page: Page,
  name: 'QuotaExceededError' | 'InvalidStateError',
): Promise<void> {
  const before = await refusals(page);
  await inject(page, name);
  await atLeast(page, 'a count of refused writes', refusals, before + 1);
  await atLeast(page, 'a saved step', savedStep, (await savedStep(page)) + 1);
}

/** The page is hidden: it saves and continues. */
export async function hide(page: Page): Promise<void> {
  const before = await lastStep(page);
  const setHidden = (hidden: boolean) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { configurable: true, value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await setHidden(true);
  await atLeast(page, 'a saved step', savedStep, before);
  await setHidden(false);
}

/**
 * Flips one bit of the newest save while no page of Halfstep has the files open.
 * @returns whether there were two saves, so that an older one is left
 */
export async function damageNewest(page: Page): Promise<boolean> {
  await page.route('**/empty', (route) => route.fulfill({ contentType: 'text/html', body: '' }));
  await page.goto('/empty'); // of the same origin
  return page.evaluate(async () => {
    type Save = {
      number: number;
      time: number;
      handle: FileSystemFileHandle;
      bytes: Uint8Array<ArrayBuffer>;
    };
    const root = await navigator.storage.getDirectory();
    const places: Save[][] = [];
    for (const place of ['saved-run', 'saved-run-2']) {
      const folder = await root.getDirectoryHandle(place, { create: true });
      const saves: Save[] = [];
      for (const name of ['a', 'b']) {
        const handle = await folder.getFileHandle(name, { create: true });
        const file = await handle.getFile();
        const bytes = new Uint8Array(await file.arrayBuffer());
        if (bytes.length === 0) continue;
        const [magic, , number] = new Uint32Array(bytes.buffer, 0, 3);
        if (magic) saves.push({ number: number!, time: file.lastModified, handle, bytes });
      }
      places.push(saves);
    }
    // The current run's place was written last; the other place holds an ended run.
    const written = (saves: readonly Save[]) => Math.max(0, ...saves.map(({ time }) => time));
    const [saves] = places.toSorted((a, b) => written(b) - written(a));
    if (!saves || saves.length < 2) return false; // a save was in progress, which is damage enough
    const [newest] = saves.toSorted((a, b) => b.number - a.number);
    const { bytes, handle } = newest!;
    bytes[bytes.length >> 1]! ^= 1;
    const stream = await handle.createWritable();
    await stream.write(bytes);
    await stream.close();
    return true;
  });
}

/** Resumes the saved run. @returns the step from which it continues */
export async function resume(page: Page, query: string): Promise<number> {
  await page.goto(`/?${query}`);
  await expect(page.getByTestId('train')).toBeEnabled();
  await page.getByTestId('resume-saved').click();
  await reach(page, 'training');
  return (await snapshot(page)).runs[0]!.facts!.resumedAt;
}
