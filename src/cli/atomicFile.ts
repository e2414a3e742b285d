/** Files that are there as a whole or not at all, whenever the process ends. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError, SWEEP_FORMAT } from '../engine/index.ts';

export function json(content: unknown): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * Replaces the file, on the disk when it returns: a temporary file beside it is written, synced and renamed.
 * @throws EngineError BAD_VALUE naming the path and the reason
 */
export function writeAtomically(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, 'w');
    try {
      writeSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Writes every file that can be written. @throws EngineError BAD_VALUE of the first that cannot, after the others */
export function writeAllAtomically(
  files: readonly { readonly path: string | undefined; readonly content: () => string }[],
): void {
  let failure: unknown;
  for (const { path, content } of files) {
    try {
      if (path !== undefined) writeAtomically(path, content());
    } catch (cause) {
      failure ??= cause;
    }
  }
  if (failure) throw failure;
}

/**
 * As {@link writeAtomically}, piece by piece. What a killed process left of its temporary file the next one overwrites.
 * @throws EngineError SAVE_FAILED; the file is what it was
 */
export async function writePiecesAtomically(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      for await (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new EngineError(
      'SAVE_FAILED',
      `Cannot write "${path}": ${cause instanceof Error ? cause.message : String(cause)}.`,
      'What was there before is unchanged. Free some space, or give another path.',
      { cause },
    );
  }
}

/** Without it the new name may be lost with the power. Windows cannot open folders, and needs it not. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Refuses a report's path that could not be written after hours of work, or that holds a sweep, whose cells would be lost.
 * @throws EngineError BAD_VALUE
 */
export function checkReportPath(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (cause) {
    throw unwritable(path, cause);
  }
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory()) throw unwritable(path, 'it is a folder');
  if (there?.isFile() && readFileSync(path, 'utf8').slice(0, 100).includes(`"${SWEEP_FORMAT}"`)) {
    throw unwritable(path, 'it holds a sweep');
  }
}

function unwritable(path: string, cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EngineError(
    'BAD_VALUE',
    `Cannot write "${path}": ${reason}.`,
    'Name another file, in a folder that exists and can be written.',
    { cause },
  );
}
