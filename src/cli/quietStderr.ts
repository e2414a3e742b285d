import { closeSync, constants, fstatSync, openSync } from 'node:fs';

const STDERR = 2;

/**
 * Calls a native function without what it writes to standard error by itself, which Node cannot redirect: for as long as the
 * call lasts, descriptor 2 is /dev/null. Only on Linux, and only where the terminal or the pipe can be opened again: a file
 * or a socket gets what the function writes.
 * @param call must not be asynchronous: nobody else may write to standard error in the meantime
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

/** The lowest free descriptor is the one that opens next, so that closing 2 makes room for what 2 is to be. */
function pointStderrTo(path: string, flags: number): void {
  closeSync(STDERR);
  openSync(path, flags);
}

/**
 * A second descriptor of what standard error is; null where there is none to be had. A file's would have an offset of its own
 * and overwrite what standard output writes to the same file. A pipe without a reader would block unless O_NONBLOCK is given.
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
