/** A file that one process at a time works on. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { EngineError } from '../engine/index.ts';

/** Locks of this process. One with its number that is not among them is of an earlier process: containers give numbers again. */
const ownLocks = new Set<string>();

/**
 * Takes the lock of a file, a file beside it that names this process, and that of a process which has ended.
 * @returns gives it back; a process that is killed leaves it to be taken over
 * @throws EngineError BAD_VALUE naming the process that has it, or why it cannot be written
 */
export function lockFile(path: string): () => void {
  const lock = `${path}.lock`;
  const own = `${process.pid} ${hostname()}`;
  // The second time after a lock that nobody has any more was removed.
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

/** Another process may have found it stale too, and have its own lock there by now. */
function removeStale(path: string, lock: string, holder: string): void {
  const removed = `${lock}.${process.pid}`;
  try {
    renameSync(lock, removed);
  } catch {
    return; // it is gone
  }
  const taken = contentOf(removed);
  if (taken === holder) {
    rmSync(removed, { force: true });
    return;
  }
  renameSync(removed, lock);
  throw held(path, taken);
}

/** Empty for a lock that is gone, or was made a moment ago. */
function contentOf(lock: string): string {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return '';
  }
}

/** Of another machine, and of what is no lock of this program, nobody here can say. */
function isStale(lock: string, holder: string): boolean {
  const { pid, host } = processIn(holder);
  if (pid === null || host !== hostname()) return false;
  if (pid === process.pid) return !ownLocks.has(lock);
  try {
    process.kill(pid, 0);
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ESRCH'; // else another user's
  }
}

/** The process that a lock names; `pid` is null where it names none. */
function processIn(holder: string): { readonly pid: number | null; readonly host: string } {
  const [pid = '', ...host] = holder.split(' ');
  return { pid: /^\d+$/.test(pid) ? Number(pid) : null, host: host.join(' ') };
}

function held(path: string, holder: string): EngineError {
  const { pid, host } = processIn(holder);
  const by =
    pid === null
      ? `another process: "${path}.lock" is there, and does not name it`
      : `process ${pid} on ${host || 'an unnamed host'}`;
  return new EngineError('BAD_VALUE', `"${path}" is being worked on by ${by}.`, wayOut(path, pid, host));
}

/** Only on its own host can be seen whether the process still runs. */
function wayOut(path: string, pid: number | null, host: string): string {
  const wait = 'Wait until it has ended or name another file.';
  const remove = `remove the lock: rm "${path}.lock".`;
  if (pid === null || host === hostname()) return `${wait} If there is no such process, ${remove}`;
  return `${wait} This host is ${hostname()} and cannot see that process: look for it with "ps -p ${pid}" on ${host || 'its host'}, and if it has ended, ${remove}`;
}

function unlockable(path: string, cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EngineError(
    'BAD_VALUE',
    `Cannot write "${path}": ${reason}.`,
    'Name a file in a folder that exists and can be written.',
    { cause },
  );
}
