/** Stores records between visits. Without storage the history still works, for as long as the page is open. */
import type { IDBPDatabase } from 'idb';
import type { Problem } from '../settings.ts';

/** An entry of the database, not yet validated as a record. */
export interface Stored {
  readonly id: string;
  readonly value: unknown;
}

/** Each operation is atomic and rejects with a DOMException when the browser refuses it. */
export interface RunStorage {
  all(): Promise<readonly Stored[]>;
  put(entries: readonly Stored[]): Promise<void>;
  /** Changes fields of the stored record, whichever tab wrote it last; false when it is no longer stored. */
  change(id: string, fields: object): Promise<boolean>;
  remove(ids: readonly string[]): Promise<void>;
}

export interface StorageWatcher {
  /** Another tab wrote or removed records. */
  changed(): void;
  /** The database was closed by a newer page. */
  closed(problem: Problem): void;
}

const VERSION = 1;

/** Runs and sweeps have separate databases, so that neither blocks the other's upgrades. */
const PLACES = {
  runs: { name: 'halfstep', store: 'runs', channel: 'halfstep.runs' },
  sweeps: { name: 'halfstep-sweeps', store: 'entries', channel: 'halfstep.sweeps' },
} as const;

/** The browser's database, opened on first use and again after it was closed. */
export function browserStorage(watcher: StorageWatcher, place: keyof typeof PLACES = 'runs'): RunStorage {
  const { name, store, channel: channelName } = PLACES[place];
  let opened: Promise<IDBPDatabase> | null = null;
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = () => watcher.changed();

  const open = () => {
    opened ??= openDatabase().catch((cause: unknown) => {
      opened = null;
      throw cause;
    });
    return opened;
  };

  const openDatabase = async () => {
    // Loaded lazily: the page is usable before its stored runs are loaded.
    const { openDB } = await import('idb');
    return openDB(name, VERSION, {
      upgrade: (database) => {
        // Keys lie outside the records, so that an unreadable record can still be identified and removed.
        database.createObjectStore(store);
      },
      blocking: (_current, _wanted, event) => {
        // Another tab has a newer page, which cannot open the database while this page has it open.
        (event.target as IDBDatabase).close();
        opened = Promise.reject(new DOMException('A newer page holds the database.', 'VersionError'));
        opened.catch(() => {});
        watcher.closed(storageProblem(new DOMException('', 'VersionError')));
      },
      terminated: () => {
        opened = null;
      },
    });
  };

  return {
    async all() {
      const transaction = (await open()).transaction(store);
      const [ids, values] = await Promise.all([transaction.store.getAllKeys(), transaction.store.getAll()]);
      return ids.map((id, i) => ({ id: String(id), value: values[i] as unknown }));
    },
    async put(entries) {
      const transaction = (await open()).transaction(store, 'readwrite');
      await Promise.all([
        ...entries.map(({ id, value }) => transaction.store.put(value, id)),
        transaction.done,
      ]);
      channel.postMessage('changed');
    },
    async change(id, fields) {
      const transaction = (await open()).transaction(store, 'readwrite');
      const stored: unknown = await transaction.store.get(id);
      if (stored === undefined) return false;
      await Promise.all([transaction.store.put({ ...(stored as object), ...fields }, id), transaction.done]);
      channel.postMessage('changed');
      return true;
    },
    async remove(ids) {
      const transaction = (await open()).transaction(store, 'readwrite');
      await Promise.all([...ids.map((id) => transaction.store.delete(id)), transaction.done]);
      channel.postMessage('changed');
    },
  };
}

/** Explains why runs are not stored and what to do about it. */
export function storageProblem(cause: unknown): Problem {
  const name = cause instanceof DOMException ? cause.name : '';
  if (name === 'QuotaExceededError') {
    return {
      message: "The browser's storage for this page is full. New runs exist in this tab only.",
      hint: 'Export the runs you want to keep, then remove runs or free disk space.',
    };
  }
  if (name === 'VersionError') {
    return {
      message:
        'A newer version of Halfstep has taken over the stored runs. New runs of this page exist in this tab only.',
      hint: 'When the training here has ended, export its runs and reload the page.',
    };
  }
  const reason = cause instanceof Error && cause.message ? ` The reason it gave: ${cause.message}` : '';
  return {
    message: `This browser does not let the page store runs: they last as long as this tab.${reason}`,
    hint: 'Private windows and settings that block site data cause this. Export the runs you want to keep.',
  };
}
