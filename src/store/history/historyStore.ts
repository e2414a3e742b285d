import { create } from 'zustand';
import type { Problem } from '../settings.ts';
import type { RunRecord } from './record.ts';
import type { Stored } from './storage.ts';

/** An entry of the database that this version of the page cannot read. It is kept unchanged. */
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
  /**
   * Changes to stored runs that are not written yet, by id. Only these fields are written, since other tabs may change
   * the rest.
   */
  readonly changes: ReadonlyMap<string, Changeable>;
  /** The reason why runs and changes are not stored. */
  readonly problem: Problem | null;
  /** The runs removed last, which can be restored. */
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

export function reportHistoryProblem(problem: Problem): void {
  useHistory.setState({ problem });
}
