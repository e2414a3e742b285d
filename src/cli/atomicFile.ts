/** Files that are there as a whole or not at all, whenever the process ends. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
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
  const { target, mode } = replaced(path);
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    // Not `writeSync`, which writes a part of it on a disk that becomes full, and returns how much.
    writeFileSync(temporary, content, { flush: true, mode });
    renameSync(temporary, target);
    syncFolder(dirname(target));
  } catch (cause) {
    removeIfThere(temporary);
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
  const { target, mode } = replaced(path);
  const temporary = `${target}.tmp`;
  try {
    const file = await open(temporary, 'w', mode);
    try {
      for await (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    syncFolder(dirname(target));
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

function removeIfThere(path: string): void {
  try {
    rmSync(path);
  } catch {
    // It was not made.
  }
}

/** The file behind a path, which may be a link, and the permissions of what is there: a private run stays private. */
function replaced(path: string): { target: string; mode: number } {
  try {
    const target = realpathSync(path);
    return { target, mode: statSync(target).mode & 0o777 };
  } catch {
    return { target: path, mode: 0o666 }; // there is none yet
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
  if (there && !there.isFile()) throw unwritable(path, 'it is a device or a pipe');
  if (there && readFileSync(path, 'utf8').slice(0, 100).includes(`"${SWEEP_FORMAT}"`)) {
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
