/** The sweeps of this page, of earlier visits and of other tabs. */
import { create } from 'zustand';
import { joinedCells, type SweepCell } from '../../engine/index.ts';
import { browserStorage, type RunStorage, type Stored } from '../history/storage.ts';
import type { Problem } from '../settings.ts';
import { cellStored, isEntryOf, type KeptSweep, planStored, type SweepPlan, sweepsOf } from './records.ts';

interface SweepState {
  /** Whether those of earlier visits are among `sweeps`. */
  readonly loaded: boolean;
  /** Newest first. */
  readonly sweeps: readonly KeptSweep[];
  /** Entries of the database that this version of the page cannot read. Kept as they are. */
  readonly unreadable: number;
  /** Id of the sweep that is shown. */
  readonly shown: string | null;
  /** Id of the sweep whose cells are trained now. */
  readonly running: string | null;
  /** Why the sweep of this id ended before its last cell. */
  readonly ended: { readonly id: string; readonly problem: Problem } | null;
  /** Why cells exist only in this tab. */
  readonly problem: Problem | null;
}

export const useSweeps = create<SweepState>()(() => ({
  loaded: false,
  sweeps: [],
  unreadable: 0,
  shown: null,
  running: null,
  ended: null,
  problem: null,
}));

let storage: RunStorage | null = null;
/** Reads and writes run one after the other. */
let working: Promise<void> = Promise.resolve();
/** Entries that are not written yet. */
let waiting: readonly Stored[] = [];

/** Sets where sweeps are stored; the browser's database unless a test sets another. */
export function keepSweepsIn(where: RunStorage): void {
  storage = where;
}

function place(): RunStorage {
  storage ??= browserStorage(
    {
      changed: () => void loadSweeps(),
      closed: (problem) => useSweeps.setState({ problem }),
    },
    'sweeps',
  );
  return storage;
}

export function sweepById(id: string | null): KeptSweep | undefined {
  return useSweeps.getState().sweeps.find((sweep) => sweep.id === id);
}

/** Loads the stored sweeps, and again when another tab has added to them. Entries of this tab stay. */
export function loadSweeps(): Promise<void> {
  return inOrder(async () => {
    const { sweeps, unreadable } = sweepsOf(await place().all());
    useSweeps.setState((state) => ({
      unreadable,
      sweeps: [
        ...state.sweeps
          .filter(
            ({ id }) => id === state.running || waiting.length > 0 || sweeps.some((other) => other.id === id),
          )
          .map((own) => {
            const cells = sweeps.find(({ id }) => id === own.id)?.cells ?? [];
            return { ...own, cells: joinedCells(own.cells, cells) };
          }),
        ...sweeps.filter(({ id }) => !state.sweeps.some((own) => own.id === id)),
      ].sort((a, b) => b.time - a.time),
    }));
  }).then(() => useSweeps.setState({ loaded: true }));
}

/** Adds a sweep, or changes its plan. */
export function putPlan(plan: SweepPlan): Promise<void> {
  useSweeps.setState(({ sweeps }) => {
    const cells = sweeps.find(({ id }) => id === plan.id)?.cells ?? [];
    return {
      sweeps: [{ ...plan, cells }, ...sweeps.filter(({ id }) => id !== plan.id)].sort(
        (a, b) => b.time - a.time,
      ),
    };
  });
  return save(planStored(plan));
}

export function putCell(sweep: string, cell: SweepCell): Promise<void> {
  useSweeps.setState(({ sweeps }) => ({
    sweeps: sweeps.map((one) => (one.id === sweep ? { ...one, cells: joinedCells(one.cells, [cell]) } : one)),
  }));
  return save(cellStored(sweep, cell));
}

export function removeSweep(id: string): Promise<void> {
  if (!sweepById(id)) return Promise.resolve();
  waiting = waiting.filter((entry) => !isEntryOf(id, entry.id));
  useSweeps.setState(({ sweeps, shown }) => ({
    sweeps: sweeps.filter((other) => other.id !== id),
    shown: shown === id ? null : shown,
  }));
  return inOrder(async () => {
    const ids = (await place().all()).map((entry) => entry.id);
    await place().remove(ids.filter((one) => isEntryOf(id, one)));
  });
}

function save(entry: Stored): Promise<void> {
  waiting = [...waiting.filter(({ id }) => id !== entry.id), entry];
  return inOrder(async () => {
    const entries = waiting;
    if (entries.length === 0) return;
    await place().put(entries);
    waiting = waiting.filter((one) => !entries.includes(one));
    useSweeps.setState({ problem: null });
  });
}

/** Never rejects: entries that the storage refuses stay in the tab and are retried with the next write. */
function inOrder(work: () => Promise<void>): Promise<void> {
  working = working.then(async () => {
    try {
      await work();
    } catch (cause) {
      useSweeps.setState({ problem: notStored(cause) });
    }
  });
  return working;
}

function notStored(cause: unknown): Problem {
  const reason = cause instanceof Error && cause.message ? ` The reason it gave: ${cause.message}` : '';
  return {
    message: `This browser does not let the page store sweeps: their cells last as long as this tab.${reason}`,
    hint: 'Export the sweep before you close the tab.',
  };
}

export function showSweep(id: string): void {
  useSweeps.setState({ shown: id });
}
