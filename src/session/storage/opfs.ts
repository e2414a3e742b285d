/** The page's private storage for saved runs: two files, and the lock that gives them to one tab at a time. */
import { type SlotFile, Slots } from './slots.ts';

const FOLDER = 'saved-run';
const FILES = ['a', 'b'] as const;
const LOCK = 'halfstep.saved-run';
const LOCK_WAIT_MS = 1000;

/** Only workers have it, and TypeScript's types of a page do not. */
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

/** Both files, open: no other tab can open them until they are closed. */
export interface OpenSlots {
  readonly slots: Slots;
  close(): void;
}

/**
 * Takes the lock and opens the files.
 * @returns null where another tab has them
 * @throws DOMException where the browser has no such storage, or refuses it
 */
export async function openSlots(): Promise<OpenSlots | null> {
  const release = await takeLock();
  if (!release) return null;
  const handles: SyncAccessHandle[] = [];
  const close = (): void => {
    for (const handle of handles) handle.close();
    release();
  };
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    for (const name of FILES) {
      const file = await folder.getFileHandle(name, { create: true });
      handles.push(await (file as unknown as WorkerFileHandle).createSyncAccessHandle());
    }
    return { slots: new Slots([slotFile(handles[0]!), slotFile(handles[1]!)]), close };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** Bytes that this page's storage holds and may hold, as far as the browser tells. */
export async function storageEstimate(): Promise<{ usage: number; quota: number } | null> {
  const { usage, quota } = await navigator.storage.estimate();
  return usage === undefined || quota === undefined ? null : { usage, quota };
}

/**
 * A page that was just left, and this one while it looks for what is saved, give it back within moments: it is waited for.
 * @returns what gives it back; null where another tab keeps it
 */
function takeLock(): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(LOCK, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, () => new Promise<void>(resolve))
      .catch((cause: unknown) => {
        if (cause instanceof DOMException && cause.name === 'TimeoutError') resolve(null);
        else reject(cause);
      });
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
