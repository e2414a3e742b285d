/**
 * The page's private storage for saved runs: two places of two files each, and the lock that gives them to one tab at a
 * time.
 */
import type { Place } from './places.ts';
import { type SlotFile, Slots } from './slots.ts';

const FOLDERS: Readonly<Record<Place, string>> = ['saved-run', 'saved-run-2'];
const FILES = ['a', 'b'] as const;
const LOCK = 'halfstep.saved-run';
/** Held in addition by a page while it trains a run that is saved there. */
const KEPT_LOCK = 'halfstep.saved-run.kept';
const LOOK_AT_KEPT_MS = 1000;
/** A page that checks a large save releases the lock by itself; a page that hangs does not. */
const PATIENCE_MS = 30_000;

/** Only workers have this handle, and TypeScript's DOM types lack it. */
interface SyncAccessHandle {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

interface WorkerFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
}

/** All files, opened: no other tab can open them until they are closed. */
export interface OpenSlots {
  readonly places: Readonly<Record<Place, Slots>>;
  close(): void;
}

/** How long to wait for another tab. */
export interface Patience {
  /** Milliseconds. */
  readonly ms?: number;
  /** Replaces the limit: waits until it is aborted, whatever the other tab does. */
  readonly until?: AbortSignal;
}

/**
 * Takes the lock and opens the files. A tab that keeps them refuses others at once, except those that wait `until`.
 * @param keeps true for a run that is saved there
 * @returns null when another tab holds them for longer than `patience`
 * @throws DOMException when the browser has no such storage or refuses it
 */
export async function openSlots(keeps = false, patience: Patience = {}): Promise<OpenSlots | null> {
  const release = await takeLocks(keeps, patience);
  if (!release) return null;
  const handles: SyncAccessHandle[] = [];
  const close = (): void => {
    for (const handle of handles) handle.close();
    release();
  };
  try {
    const root = await navigator.storage.getDirectory();
    const openFolder = async (name: string): Promise<Slots> => {
      const folder = await root.getDirectoryHandle(name, { create: true });
      const openFile = async (of: string): Promise<SlotFile> => {
        const file = await folder.getFileHandle(of, { create: true });
        const handle = await (file as unknown as WorkerFileHandle).createSyncAccessHandle();
        handles.push(handle);
        return slotFile(handle);
      };
      return new Slots([await openFile(FILES[0]), await openFile(FILES[1])]);
    };
    return { places: [await openFolder(FOLDERS[0]), await openFolder(FOLDERS[1])], close };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** Bytes that this page's storage holds and may hold; null where the browser does not report them. */
export async function storageEstimate(): Promise<{ usage: number; quota: number } | null> {
  const { usage, quota } = await navigator.storage.estimate();
  return usage === undefined || quota === undefined ? null : { usage, quota };
}

/** @returns a function that releases the lock; null when another tab holds it for longer than `patience` */
async function takeLocks(keeps: boolean, patience: Patience): Promise<(() => void) | null> {
  const given = new AbortController();
  const giveUp = () => given.abort();
  const giveUpWhereKept = async (): Promise<void> => {
    const { held } = await navigator.locks.query();
    if (held?.some(({ name }) => name === KEPT_LOCK)) giveUp();
  };
  const { until, ms = PATIENCE_MS } = patience;
  const timers = until
    ? []
    : [setInterval(() => void giveUpWhereKept(), LOOK_AT_KEPT_MS), setTimeout(giveUp, ms)];
  const signal = until ?? given.signal;
  try {
    const release = await takeLock(LOCK, signal);
    if (!keeps) return release;
    const releaseKept = await takeLock(KEPT_LOCK);
    return () => {
      releaseKept();
      release();
    };
  } catch (cause) {
    if (signal.aborted) return null;
    throw cause;
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

/** @returns a function that releases the lock */
function takeLock(name: string, signal?: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    navigator.locks.request(name, signal ? { signal } : {}, () => new Promise<void>(resolve)).catch(reject);
  });
}

function slotFile(handle: SyncAccessHandle): SlotFile {
  return {
    size: () => handle.getSize(),
    read: (into, at) => handle.read(into, { at }),
    write: (from, at) => handle.write(from, { at }),
    truncate: (size) => handle.truncate(size),
    flush: () => handle.flush(),
  };
}
