import { create } from 'zustand';
import type { Problem } from '../../store/settings.ts';
import type { ColumnId } from './columns.ts';

/** More lines than these cannot be told apart. */
export const MAX_OVERLAID = 6;

/** What of the chosen runs may be drawn. */
export const OVERLAY_METRICS = ['loss', 'scale', 'speed', 'norm'] as const;
export type OverlayMetric = (typeof OVERLAY_METRICS)[number];

interface RunsView {
  readonly sort: { readonly column: ColumnId; readonly descending: boolean };
  /** Ids in the order in which they were chosen: colours follow it. */
  readonly chosen: readonly string[];
  /** A chart each. */
  readonly metrics: readonly OverlayMetric[];
  /** The run whose details are unfolded. */
  readonly open: string | null;
  /** What the last import came to. */
  readonly imported: { readonly text: string } | { readonly problem: Problem } | null;
  sortBy(column: ColumnId): void;
  choose(id: string, chosen: boolean): void;
  draw(metric: OverlayMetric, drawn: boolean): void;
}

/** How the runs are looked at. It outlasts a visit to another screen, and no more. */
export const useRunsView = create<RunsView>()((set) => ({
  sort: { column: 'time', descending: true },
  chosen: [],
  metrics: ['loss', 'scale'],
  open: null,
  imported: null,
  sortBy: (column) =>
    set(({ sort }) => ({ sort: { column, descending: sort.column === column ? !sort.descending : false } })),
  choose: (id, chosen) =>
    set((state) => {
      const others = state.chosen.filter((other) => other !== id);
      return { chosen: chosen ? [...others, id].slice(0, MAX_OVERLAID) : others };
    }),
  draw: (metric, drawn) =>
    set(({ metrics }) => ({
      metrics: OVERLAY_METRICS.filter((other) => (other === metric ? drawn : metrics.includes(other))),
    })),
}));
