import { type KeyboardEvent, type PointerEvent, type ReactNode, useState } from 'react';
import { type ChartSettings, useCharts } from '../../store/chartStore.ts';
import type { MetricsLog } from '../../store/metricsLog.ts';
import { MAX_SMOOTHING } from '../../store/smoothing.ts';
import styles from './Crosshair.module.css';
import type { ChartDefinition, Series } from './chart.ts';
import { xOf } from './chart.ts';
import { crosshairX, longestOf, moved, pointAt, snap, useCrosshair } from './crosshair.ts';
import { INSET } from './drawing.ts';
import { LegendLine } from './Legend.tsx';
import type { Plot } from './plot.ts';
import { placeLabel, readout } from './readout.ts';
import { rangeBetween, rescaled, valueAt, type Zoom, zoomChart } from './zoom.ts';

/** Marks within this share of the axis are included in the readout. */
const MARK_REACH = 0.01;

interface CrosshairProps {
  chart: ChartDefinition;
  series: readonly Series[];
  plot: Plot;
  /** The first run, which a zoom belongs to. */
  of: MetricsLog | undefined;
  width: number;
  height: number;
  children: ReactNode;
}

/**
 * Overlays the crosshair on a chart. It is a slider along the x axis, so that pointer, arrow keys and screen readers
 * get exact values. Every other chart shows its values at the same place. Dragging a mouse or a pen chooses the part
 * of the axis to show; a finger only reads values.
 */
export function Crosshair({ chart, series, plot, of, width, height, children }: CrosshairProps) {
  const at = useCrosshair((state) => state.at);
  const { x: axis, xKind: kind } = plot;
  const x = at && (at.kind === kind ? at.x : crosshairX(at, kind, series));
  const span = width - INSET.left - INSET.right;
  const place = x === null ? null : ((axis.log ? Math.log10(x) : x) - axis.low) / (axis.high - axis.low);
  const shown = x !== null && place !== null && place >= 0 && place <= 1;
  const longest = longestOf(series, kind);
  const end = longest ? xOf(longest.run, kind, longest.length - 1) : 0;
  const lines = shown ? readout(chart, series, kind, x, markReach(axis, x)) : [];

  const set = (value: number | null) => pointAt(value === null ? null : { chart: chart.id, kind, x: value });
  const zoomTo = (part: Pick<Zoom, 'low' | 'high'> | null) => zoomChart(chart.id, { plot, of }, part);
  /** Shares of the axis where a drag began and is. */
  const [drag, setDrag] = useState<readonly [from: number, to: number] | null>(null);
  const shareOf = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left - INSET.left) / span));
  };
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const share = shareOf(event);
    set(snap(series, kind, valueAt(axis, share)));
    if (drag) setDrag([drag[0], share]);
  };
  const begin = (event: PointerEvent<HTMLDivElement>) => {
    point(event);
    if (event.pointerType === 'touch' || event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const share = shareOf(event);
    setDrag([share, share]);
  };
  const release = () => {
    const part = drag && rangeBetween(axis, ...drag);
    setDrag(null);
    if (part) zoomTo(part);
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = STEPS_BY_KEY[event.key]?.(longest?.length ?? 0);
    const factor = ZOOM_BY_KEY[event.key];
    const change = CHANGES_BY_KEY[event.key.toLowerCase()];
    if (event.key === 'Escape') set(null);
    else if (by !== undefined) set(moved(series, kind, x ?? end, by));
    else if (factor !== undefined) zoomTo(rescaled(axis, plot.wholeX, shown ? place : 0.5, factor));
    else if (change) changeSettings(chart, change, longest?.run.log.smoothing ?? 0);
    else return;
    event.preventDefault();
  };

  return (
    <div
      translate="no"
      className={styles.area}
      style={{ height }}
      role="slider"
      tabIndex={0}
      aria-label={`${chart.title}: values along the chart`}
      aria-valuemin={0}
      aria-valuemax={end}
      aria-valuenow={x ?? end}
      aria-valuetext={
        shown
          ? `${placeLabel(kind, x)}: ${lines.map(({ title, values, notes }) => [`${title} ${values ?? ''}`, ...notes].join('. ')).join('; ')}`
          : 'Use the arrow keys to read values'
      }
      aria-keyshortcuts="x y [ ] + -"
      data-testid={`plot-${chart.id}`}
      onPointerMove={point}
      onPointerDown={begin}
      onPointerUp={release}
      onPointerCancel={() => setDrag(null)}
      onDoubleClick={() => zoomTo(null)}
      onPointerLeave={() => set(null)}
      onKeyDown={press}
      onBlur={() => set(null)}
    >
      {children}
      {drag && (
        <div
          className={styles.selection}
          style={{
            left: INSET.left + Math.min(...drag) * span,
            width: Math.abs(drag[1] - drag[0]) * span,
            bottom: INSET.bottom,
          }}
        />
      )}
      {shown && (
        <>
          <div className={styles.line} style={{ left: INSET.left + place * span, bottom: INSET.bottom }} />
          {lines.length > 0 && (
            <div
              className={styles.card}
              style={
                place < 0.5
                  ? { left: INSET.left + place * span + 12 }
                  : { right: INSET.right + (1 - place) * span + 12 }
              }
              data-testid={`hover-${chart.id}`}
            >
              <p className={styles.place}>{placeLabel(kind, x)}</p>
              {lines.map(({ index, title, values, notes }) => (
                <div key={index}>
                  {values !== null && (
                    <p>
                      <LegendLine run={index} label={title} />
                      <span>{` ${values}`}</span>
                    </p>
                  )}
                  {notes.map((note) => (
                    <p key={note}>{note}</p>
                  ))}
                </div>
              ))}
            </div>
          )}
        </>
      )}
    </div>
  );
}

/** Number of entries to move by, in a run of `length`. */
const STEPS_BY_KEY: Readonly<Record<string, (length: number) => number>> = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowDown: () => -1,
  ArrowUp: () => 1,
  PageDown: (length) => -Math.ceil(length / 10),
  PageUp: (length) => Math.ceil(length / 10),
  Home: (length) => -length,
  End: (length) => length,
};

/** The factor by which a key changes the width of the part of the x axis that is shown. */
const ZOOM_BY_KEY: Readonly<Record<string, number>> = { '+': 0.5, '=': 0.5, '-': 2 };

type Change = (settings: ChartSettings, ownSmoothing: number) => Partial<ChartSettings>;

/** Keys of the focused chart only: a letter typed elsewhere changes nothing. */
const CHANGES_BY_KEY: Readonly<Record<string, Change>> = {
  y: ({ logY }) => ({ logY: !logY }), // has no effect where the chart has no logarithmic y axis
  x: ({ logX }) => ({ logX: !logX }),
  '[': ({ smoothing }, own) => ({ smoothing: smoothedBy(smoothing ?? own, -0.05) }),
  ']': ({ smoothing }, own) => ({ smoothing: smoothedBy(smoothing ?? own, 0.05) }),
};

function smoothedBy(smoothing: number, by: number): number {
  return Math.min(MAX_SMOOTHING, Math.max(0, Number((smoothing + by).toFixed(2))));
}

function changeSettings(chart: ChartDefinition, change: Change, ownSmoothing: number): void {
  const { charts, change: apply } = useCharts.getState();
  apply(chart.id, change(charts[chart.id], ownSmoothing));
}

/** The reach in units of the x axis. On a logarithmic axis it grows with x. */
function markReach(axis: Plot['x'], x: number): number {
  const share = (axis.high - axis.low) * MARK_REACH;
  return axis.log ? x * (10 ** share - 1) : share;
}
