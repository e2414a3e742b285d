import { create } from 'zustand';
import type { Problem } from '../../../store/settings.ts';
import type { ColumnId } from './columns.ts';

/** More lines would be indistinguishable. */
export const MAX_OVERLAID = 6;

/** Metrics of the chosen runs that can be drawn. */
export const OVERLAY_METRICS = ['loss', 'scale', 'speed', 'norm', 'logZ', 'cost'] as const;
export type OverlayMetric = (typeof OVERLAY_METRICS)[number];

interface RunsView {
  readonly sort: { readonly column: ColumnId; readonly descending: boolean };
  /** Words that a shown run has, in any order. */
  readonly filter: string;
  readonly starredOnly: boolean;
  /** Ids in the order of choosing, which decides the colours. */
  readonly chosen: readonly string[];
  /** The metrics to draw, one chart for each. */
  readonly metrics: readonly OverlayMetric[];
  /** The run whose details are open. */
  readonly open: string | null;
  /** The result of the last import. */
  readonly imported: { readonly text: string } | { readonly problem: Problem } | null;
  sortBy(column: ColumnId): void;
  choose(id: string, chosen: boolean): void;
  /** Chooses these in place of all others. */
  chooseOnly(ids: readonly string[]): void;
  draw(metric: OverlayMetric, drawn: boolean): void;
  filterBy(shown: Partial<Pick<RunsView, 'filter' | 'starredOnly'>>): void;
  /** Opens the details of a run; null closes them. */
  openRun(id: string | null): void;
  /** Shows the result of an import; null dismisses it. */
  report(imported: RunsView['imported']): void;
}

/** The view of the runs screen. It is kept while other screens are shown, but not stored. */
export const useRunsView = create<RunsView>()((set) => ({
  sort: { column: 'time', descending: true },
  filter: '',
  starredOnly: false,
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
  chooseOnly: (chosen) => set({ chosen }),
  filterBy: (shown) => set(shown),
  openRun: (open) => set({ open }),
  report: (imported) => set({ imported }),
  draw: (metric, drawn) =>
    set(({ metrics }) => ({
      metrics: OVERLAY_METRICS.filter((other) => (other === metric ? drawn : metrics.includes(other))),
    })),
}));
