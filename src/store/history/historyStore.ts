import { create } from 'zustand';
import type { Problem } from '../settings.ts';
import type { RunRecord } from './record.ts';
import type { Stored } from './storage.ts';

/** In the database, but not as this version of the page can read it. Kept as it is. */
export interface UnreadableRun extends Stored {
  readonly why: string;
}

export type Changeable = Partial<Pick<RunRecord, 'name' | 'note' | 'starred' | 'samples'>>;

export interface HistoryState {
  /** Whether the runs of earlier visits are among `runs`. */
  readonly loaded: boolean;
  /** Newest first. */
  readonly runs: readonly RunRecord[];
  readonly unreadable: readonly UnreadableRun[];
  /** Ids of runs that are in this tab only. */
  readonly unsaved: ReadonlySet<string>;
  /** By id, what was changed of runs that are stored and is not stored itself: other tabs may change the rest of them. */
  readonly changes: ReadonlyMap<string, Changeable>;
  /** Why there are such runs and changes. */
  readonly problem: Problem | null;
  /** What was deleted last and can be brought back. */
  readonly removed: readonly Stored[];
}

export const useHistory = create<HistoryState>()(() => ({
  loaded: false,
  runs: [],
  unreadable: [],
  unsaved: new Set(),
  changes: new Map(),
  problem: null,
  removed: [],
}));
