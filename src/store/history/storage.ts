/** Where records are kept between visits. The history works without one: then they last as long as the page. */
import type { IDBPDatabase } from 'idb';
import type { Problem } from '../settings.ts';

/** A record as it lies in the database: not yet known to be one. */
export interface Stored {
  readonly id: string;
  readonly value: unknown;
}

/** All or nothing each; rejects with a DOMException where the browser refuses. */
export interface RunStorage {
  all(): Promise<readonly Stored[]>;
  put(entries: readonly Stored[]): Promise<void>;
  /** Changes fields of a record as it is stored, whichever tab wrote it last; false where it is no longer stored. */
  change(id: string, fields: object): Promise<boolean>;
  remove(ids: readonly string[]): Promise<void>;
}

export interface StorageWatcher {
  /** Another tab wrote or removed records. */
  changed(): void;
  /** The database was taken away while it was open. */
  closed(problem: Problem): void;
}

const VERSION = 1;

/** Runs and sweeps have a database each: neither waits for the other's next version. */
const PLACES = {
  runs: { name: 'halfstep', store: 'runs', channel: 'halfstep.runs' },
  sweeps: { name: 'halfstep-sweeps', store: 'entries', channel: 'halfstep.sweeps' },
} as const;

/** The browser's database, opened when it is first needed and again after it was closed. */
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
    // Not part of the page's first script: the page is usable before what was kept is there.
    const { openDB } = await import('idb');
    return openDB(name, VERSION, {
      upgrade: (database) => {
        // Keys are outside the records, so that one that cannot be read can still be named and removed.
        database.createObjectStore(store);
      },
      blocking: (_current, _wanted, event) => {
        // Another tab has a newer page, which cannot open the database while this one holds it.
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

/** Why runs are not kept, and what to do. */
export function storageProblem(cause: unknown): Problem {
  const name = cause instanceof DOMException ? cause.name : '';
  if (name === 'QuotaExceededError') {
    return {
      message: "The browser's storage for this page is full: runs are kept in this tab only.",
      hint: 'Export what you want to keep, then delete runs or free space on the disk.',
    };
  }
  if (name === 'VersionError') {
    return {
      message:
        'A newer version of Halfstep has taken over the runs of this browser: this page keeps its own in this tab only.',
      hint: 'When the training here has ended, export its runs and reload the page.',
    };
  }
  const said = cause instanceof Error && cause.message ? ` It said: ${cause.message}` : '';
  return {
    message: `This browser does not let the page keep runs: they last as long as this tab.${said}`,
    hint: 'A private window or a setting that blocks site data does this. Export the runs you want to keep.',
  };
}
