/** Writes files atomically: whenever the process ends, a file has either its old content or all of the new. */
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
import { writingProblem } from './fileProblem.ts';

export function json(content: unknown): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * Replaces a file by writing, syncing and renaming a temporary file beside it. When it returns, the file is on the disk.
 * @throws EngineError BAD_VALUE naming the path and the reason
 */
export function writeAtomically(path: string, content: string): void {
  const { target, mode } = replaced(path);
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    // Not `writeSync`: when the disk becomes full, it writes a part and returns the number of bytes.
    writeFileSync(temporary, content, { flush: true, mode });
    renameSync(temporary, target);
    syncFolder(dirname(target));
  } catch (cause) {
    removeIfThere(temporary);
    throw unwritable(path, cause);
  }
}

/** Writes every file that can be written, then throws the error of the first that could not. @throws EngineError BAD_VALUE */
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
 * Does the same as {@link writeAtomically}, piece by piece. It overwrites a temporary file that a killed process left.
 * @throws EngineError SAVE_FAILED, after which the file is unchanged
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
      `Cannot write "${path}": ${writingProblem(path, cause)}.`,
      'A file that was there before is unchanged. Free some space, or give another path.',
      { cause },
    );
  }
}

function removeIfThere(path: string): void {
  try {
    rmSync(path);
  } catch {
    // It did not exist.
  }
}

/** Follows links, and returns the permissions of an existing file, so that a private run stays private. */
function replaced(path: string): { target: string; mode: number } {
  try {
    const target = realpathSync(path);
    return { target, mode: statSync(target).mode & 0o777 };
  } catch {
    return { target: path, mode: 0o666 }; // a new file
  }
}

/** Syncs a folder, so that a renamed file survives a power failure. Windows cannot open folders and does not need this. */
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
 * Checks the path of a report before hours of work: it must be writable and must not contain a sweep, which would be lost.
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
    throw unwritable(path, 'it contains a sweep');
  }
}

function unwritable(path: string, cause: unknown): EngineError {
  return new EngineError(
    'BAD_VALUE',
    `Cannot write "${path}": ${writingProblem(path, cause)}.`,
    'Name another file, in a folder that exists and is writable.',
    { cause },
  );
}
