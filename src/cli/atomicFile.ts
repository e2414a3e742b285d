/** Files that are there whole or not at all, whenever the process or the machine stops. */
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError } from '../engine/errors.ts';

/**
 * Writes beside `path`, waits until the disk has it, then takes its place: what was there before stays until then.
 * @throws EngineError SAVE_FAILED; the file that was there is as it was
 */
export async function writeAtomically(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
  try {
    const file = await open(beside, 'w');
    try {
      for await (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw saveFailed(path, cause);
  }
}

/** Makes the new name itself durable; Windows does not open folders. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  await folder.sync();
  await folder.close();
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EACCES: 'this user may not write there',
  EROFS: 'the disk is read-only',
  ENOENT: 'there is no such folder',
  EISDIR: 'it is a folder',
};

function saveFailed(path: string, cause: unknown): EngineError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  return new EngineError(
    'SAVE_FAILED',
    `Cannot write "${path}": ${REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause))}.`,
    'What was there before is unchanged. Free some space, or give another path.',
    { cause },
  );
}
