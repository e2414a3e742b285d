/** The part of the x axis that a chart shows. It is not stored: another run is shown whole. */
import { create } from 'zustand';
import type { ChartId, XAxisKind } from '../../store/chartStore.ts';
import type { MetricsLog } from '../../store/metricsLog.ts';
import type { Axis } from './axes.ts';

/** In steps, tokens or seconds. */
export interface Zoom {
  readonly kind: XAxisKind;
  readonly low: number;
  readonly high: number;
  /** The first run that was shown when it was chosen. */
  readonly of: MetricsLog | undefined;
}

export const useZoom = create<{ readonly [Id in ChartId]?: Zoom | undefined }>()(() => ({}));

/** Shows a part of the chart's x axis; null shows all of it. */
export function zoomChart(
  chart: ChartId,
  { plot: { xKind: kind }, of }: { readonly plot: { readonly xKind: XAxisKind }; readonly of: Zoom['of'] },
  part: Pick<Zoom, 'low' | 'high'> | null,
): void {
  useZoom.setState({ [chart]: part ? { kind, of, low: part.low, high: part.high } : undefined });
}

/** The chart's zoom, where it was chosen for these runs and this unit of the axis. */
export function zoomFor(
  zoom: Zoom | undefined,
  kind: XAxisKind,
  of: MetricsLog | undefined,
): Pick<Zoom, 'low' | 'high'> | null {
  return zoom && zoom.kind === kind && zoom.of === of ? zoom : null;
}

/** The value at a share of the axis, 0 to 1. */
export function valueAt(axis: Axis, share: number): number {
  const at = axis.low + Math.min(1, Math.max(0, share)) * (axis.high - axis.low);
  return axis.log ? 10 ** at : at;
}

/** The part of the axis between two shares of it, in any order; null where it is too small to be meant. */
export function rangeBetween(axis: Axis, from: number, to: number): Pick<Zoom, 'low' | 'high'> | null {
  const [left, right] = from < to ? [from, to] : [to, from];
  if (right - left < 0.01) return null;
  return { low: valueAt(axis, left), high: valueAt(axis, right) };
}

/** The part `factor` times as wide as the shown one, around a share of it; null where that is the whole axis. */
export function rescaled(
  axis: Axis,
  whole: Axis,
  share: number,
  factor: number,
): Pick<Zoom, 'low' | 'high'> | null {
  const span = axis.high - axis.low;
  const centre = axis.low + share * span;
  const low = Math.max(whole.low, centre - share * span * factor);
  const high = Math.min(whole.high, centre + (1 - share) * span * factor);
  if (low <= whole.low && high >= whole.high) return null;
  return axis.log ? { low: 10 ** low, high: 10 ** high } : { low, high };
}
