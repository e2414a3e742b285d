import { closeSync, constants, fstatSync, openSync } from 'node:fs';

const STDERR = 2;

/**
 * Calls a native function and suppresses what it writes directly to standard error, which Node cannot redirect. During the
 * call, descriptor 2 is /dev/null. This works only on Linux, and only if standard error is a terminal or pipe that can be
 * opened again; a file or a socket still receives the output.
 * @param call must be synchronous, so that nothing else writes to standard error in the meantime
 */
export function withQuietStderr<T>(call: () => T): T {
  const kept = process.platform === 'linux' && process.stderr.writableLength === 0 ? openAgain() : null;
  if (kept === null) return call();
  pointStderrTo('/dev/null', constants.O_WRONLY);
  try {
    return call();
  } finally {
    pointStderrTo(`/proc/self/fd/${kept.descriptor}`, kept.flags);
    closeSync(kept.descriptor);
  }
}

/** Replaces descriptor 2. The next open uses the lowest free descriptor, which is 2 after closing it. */
function pointStderrTo(path: string, flags: number): void {
  closeSync(STDERR);
  openSync(path, flags);
}

/**
 * Opens a second descriptor for standard error; null when that is not possible. For a file it would have its own offset
 * and overwrite what standard output writes to the same file, so files are left out. O_NONBLOCK keeps the open from
 * blocking on a pipe without a reader.
 */
function openAgain(): { readonly descriptor: number; readonly flags: number } | null {
  try {
    const kind = fstatSync(STDERR);
    if (!kind.isCharacterDevice() && !kind.isFIFO()) return null;
    const flags = constants.O_WRONLY | (kind.isFIFO() ? constants.O_NONBLOCK : constants.O_NOCTTY);
    closeSync(openSync('/dev/null', constants.O_WRONLY));
    return { descriptor: openSync(`/proc/self/fd/${STDERR}`, flags), flags };
  } catch {
    return null; // another user's terminal, for example
  }
}
