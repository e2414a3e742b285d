import { create } from 'zustand';
import type { ChartId, XAxisKind } from '../../store/chartStore.ts';
import { nearestEntry, type Series, xOf } from './chart.ts';

/** One crosshair for all charts of the page, in steps, tokens or seconds. */
interface CrosshairState {
  readonly at: { readonly chart: ChartId; readonly kind: XAxisKind; readonly x: number } | null;
}

export const useCrosshair = create<CrosshairState>()(() => ({ at: null }));

/** Shows the values at a place of a chart, in every chart; null shows none. */
export function pointAt(at: CrosshairState['at']): void {
  useCrosshair.setState({ at });
}

/**
 * Position of the crosshair on a chart with another x axis: at the same entry of the first run that has it. Null when
 * no run does.
 */
export function crosshairX(
  at: NonNullable<CrosshairState['at']>,
  kind: XAxisKind,
  series: readonly Series[],
): number | null {
  for (const { run, length } of series) {
    const entry = nearestEntry(run, length, at.kind, at.x);
    if (entry >= 0) return xOf(run, kind, entry);
  }
  return null;
}

/** The entry of the longest run nearest to `x`, so that the crosshair stays on existing steps. */
export function snap(series: readonly Series[], kind: XAxisKind, x: number): number | null {
  const longest = longestOf(series, kind);
  if (!longest) return null;
  const { run, length } = longest;
  const entry = nearestEntry(run, length, kind, x);
  return xOf(run, kind, entry < 0 ? length - 1 : entry);
}

/** The position `by` entries further along the longest run. */
export function moved(series: readonly Series[], kind: XAxisKind, x: number, by: number): number | null {
  const longest = longestOf(series, kind);
  if (!longest) return null;
  const { run, length } = longest;
  const from = nearestEntry(run, length, kind, x);
  const entry = Math.min(length - 1, Math.max(0, (from < 0 ? length - 1 : from) + by));
  return xOf(run, kind, entry);
}

export function longestOf(series: readonly Series[], kind: XAxisKind): Series | null {
  const end = ({ run, length }: Series) => (length > 0 ? xOf(run, kind, length - 1) : -1);
  return series.reduce<Series | null>((best, one) => (end(one) > (best ? end(best) : -1) ? one : best), null);
}
