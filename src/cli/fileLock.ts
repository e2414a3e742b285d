/** Locks a file so that only one process at a time works on it. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { EngineError } from '../engine/index.ts';
import { writingProblem } from './fileProblem.ts';

/** The locks of this process. A lock with its id that is not among them is from an earlier process, because containers reuse ids. */
const ownLocks = new Set<string>();

/**
 * Locks a file by creating a lock file beside it that names this process. A lock of a process that has ended is replaced.
 * @returns a function that releases the lock; a killed process leaves it to be replaced
 * @throws EngineError BAD_VALUE naming the process that holds the lock, or why it cannot be written
 */
export function lockFile(path: string): () => void {
  const lock = `${path}.lock`;
  const own = `${process.pid} ${hostname()}`;
  // The second attempt follows the removal of a stale lock.
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lock, own, { flag: 'wx' });
      const unlock = () => {
        process.off('exit', unlock);
        ownLocks.delete(lock);
        if (contentOf(lock) === own) rmSync(lock, { force: true });
      };
      ownLocks.add(lock);
      process.on('exit', unlock);
      return unlock;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unlockable(path, cause);
    }
    const holder = contentOf(lock);
    if (!isStale(lock, holder)) throw held(path, holder);
    removeStale(path, lock, holder);
  }
  throw held(path, contentOf(lock));
}

/** Removes a stale lock. Another process may have removed it too and created its own by now, which is put back. */
function removeStale(path: string, lock: string, holder: string): void {
  const removed = `${lock}.${process.pid}`;
  try {
    renameSync(lock, removed);
  } catch {
    return; // another process removed it
  }
  const taken = contentOf(removed);
  if (taken === holder) {
    rmSync(removed, { force: true });
    return;
  }
  renameSync(removed, lock);
  throw held(path, taken);
}

/** Returns the content of a lock; '' if it is gone or was only just created. */
function contentOf(lock: string): string {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return '';
  }
}

/** Whether the lock's process has ended. Locks of other machines and unknown content do not count as stale. */
function isStale(lock: string, holder: string): boolean {
  const { pid, host } = processIn(holder);
  if (pid === null || host !== hostname()) return false;
  if (pid === process.pid) return !ownLocks.has(lock);
  try {
    process.kill(pid, 0);
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ESRCH'; // another code means a process of another user
  }
}

/** Returns the process that a lock names; `pid` is null when it names none. */
function processIn(holder: string): { readonly pid: number | null; readonly host: string } {
  const [pid = '', ...host] = holder.split(' ');
  return { pid: /^\d+$/.test(pid) ? Number(pid) : null, host: host.join(' ') };
}

function held(path: string, holder: string): EngineError {
  const { pid, host } = processIn(holder);
  const by =
    pid === null
      ? `another process, which "${path}.lock" does not name`
      : `process ${pid} on ${host || 'an unnamed host'}`;
  return new EngineError('BAD_VALUE', `"${path}" is in use by ${by}.`, remedy(path, pid, host));
}

/** What the user can do. Whether the process still runs can only be seen on its own host. */
function remedy(path: string, pid: number | null, host: string): string {
  const wait = 'Wait until it ends, or name another file.';
  const remove = `remove the lock: rm "${path}.lock".`;
  if (pid === null || host === hostname()) return `${wait} If there is no such process, ${remove}`;
  return `${wait} This host, ${hostname()}, cannot see that process. Look for it with "ps -p ${pid}" on ${host || 'its host'}, and if it has ended, ${remove}`;
}

function unlockable(path: string, cause: unknown): EngineError {
  return new EngineError(
    'BAD_VALUE',
    `Cannot write "${path}": ${writingProblem(path, cause)}.`,
    'Name a file in a folder that exists and can be written.',
    { cause },
  );
}
