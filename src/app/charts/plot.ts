/** Turns the values of all runs into what is drawn: at most 400 points per line, and two axes. */
import type { ChartSettings, XAxisKind } from '../../store/chartStore.ts';
import { changePoints, decimate, decimateLog, thin } from '../../store/decimate.ts';
import { formatCompact, formatCount } from '../format.ts';
import { type Axis, linearAxis, logAxis, place, rangeOf, timeAxis, timeLabel, withRoom } from './axes.ts';
import { type ChartDefinition, entryOfStep, type Series, xOf } from './chart.ts';
import type { PlottedRun } from './plottedRun.ts';

/** In axis units; `y` is null at a gap. */
export interface Point {
  readonly x: number;
  readonly y: number | null;
}

export interface PlotLine {
  readonly run: number;
  readonly kind: 'raw' | 'main' | 'gpu' | 'validation';
  readonly points: readonly Point[];
}

export interface PlotMark extends Point {
  readonly run: number;
  readonly sentence: string;
}

export interface Plot {
  readonly x: Axis;
  readonly y: Axis;
  readonly xKind: XAxisKind;
  readonly lines: readonly PlotLine[];
  readonly marks: readonly PlotMark[];
  readonly references: readonly { readonly at: number; readonly label: string }[];
  /** Range of the values, for the lock of the y axis. */
  readonly yRange: readonly [low: number, high: number];
}

/** The unit of the x axis: steps when tokens are wanted but a run's tokens per step are unknown. */
export function xKindOf(runs: readonly PlottedRun[], wanted: XAxisKind): XAxisKind {
  return wanted === 'tokens' && runs.some(({ config }) => !config) ? 'step' : wanted;
}

export function buildPlot(
  chart: ChartDefinition,
  series: readonly Series[],
  settings: ChartSettings,
  width: number,
): Plot {
  const runs = series.map(({ run }) => run);
  const xKind = xKindOf(runs, settings.x);
  const log = { x: settings.logX, y: settings.logY && chart.logY };
  const references = chart.references?.(runs) ?? [];
  const drawn = series.flatMap((one) => linesOf(chart, one, xKind, log));
  const marks = series.flatMap((one) => marksOf(one, xKind, log.x));
  const range = rangeOf([
    ...marks.flatMap(({ y }) => y ?? []),
    ...drawn.flatMap(({ points }) => points.map(({ value }) => value)).filter((v) => !log.y || v > 0),
    ...references.map(({ value }) => value),
  ]);
  const y = yAxis(chart, range, settings.lockedY, log.y);
  return {
    x: xAxis(series, xKind, log.x, width),
    y,
    xKind,
    lines: drawn.map(({ run, kind, points }) => ({
      run,
      kind,
      points: points.flatMap(({ x, value }): Point[] => {
        const point = { x: place(x, log.x), y: place(value, log.y) };
        if (!onAxis(point) || (kind === 'validation' && !inside(point, y))) return [];
        return [point];
      }),
    })),
    marks: marks.filter((mark) => inside(mark, y)),
    references: references.flatMap(({ value, label }) => {
      const at = place(value, log.y);
      return at === null ? [] : [{ at, label }];
    }),
    yRange: log.y ? [10 ** y.low, 10 ** y.high] : [y.low, y.high],
  };
}

function onAxis(point: { x: number | null; y: number | null }): point is Point {
  return point.x !== null;
}

/** Dots and marks are not clipped at the edge, so those beyond a locked range are left out. */
function inside({ y }: { y: number | null }, axis: Axis): boolean {
  return y !== null && y >= axis.low && y <= axis.high;
}

/** Approximate number of labels on the y axis, and pixels per label on the x axis. */
const Y_TICKS = { large: 6, small: 5 };
const PIXELS_A_TICK = 90;

interface ValueLine {
  readonly run: number;
  readonly kind: PlotLine['kind'];
  readonly points: readonly { readonly x: number; readonly value: number }[];
}

function linesOf(
  chart: ChartDefinition,
  series: Series,
  xKind: XAxisKind,
  log: { readonly x: boolean },
): ValueLine[] {
  const { run, length, values, smoothed, gpu, validation, index } = series;
  const pick = (column: ArrayLike<number>): number[] => {
    if (chart.shape === 'steps') return changePoints(column, length);
    return log.x ? decimateLog(column, length) : decimate(column, length);
  };
  const line = (kind: PlotLine['kind'], column: ArrayLike<number>): ValueLine => ({
    run: index,
    kind,
    points: pick(column).map((i) => ({ x: xOf(run, xKind, i), value: column[i]! })),
  });
  const lines: ValueLine[] = [];
  if (smoothed) lines.push(line('raw', values), line('main', smoothed));
  else if (!series.lineless) lines.push(line('main', values));
  if (gpu) lines.push(line('gpu', gpu));
  if (validation && validation.length > 0) {
    lines.push({
      run: index,
      kind: 'validation',
      points: thin(validation).map(({ step, valLoss }) => ({
        x: xOf(run, xKind, Math.max(0, entryOfStep(series, step))),
        value: valLoss ?? Number.NaN,
      })),
    });
  }
  return lines;
}

function marksOf({ run, index, values, marks = [] }: Series, xKind: XAxisKind, logX: boolean): PlotMark[] {
  return thin(marks).flatMap(({ at, sentence }) => {
    const x = place(xOf(run, xKind, at), logX);
    return x === null ? [] : [{ run: index, x, y: place(values[at]!, false), sentence }];
  });
}

function xAxis(series: readonly Series[], kind: XAxisKind, log: boolean, width: number): Axis {
  const ends = series
    .filter(({ length }) => length > 0)
    .map(({ run, length }) => [firstAbove0(run, kind, length), xOf(run, kind, length - 1)] as const);
  const last = Math.max(...ends.map(([, end]) => end), 0);
  const ticks = Math.max(2, Math.floor(width / PIXELS_A_TICK));
  const label = kind === 'time' ? timeLabel : last < 100_000 ? formatCount : formatCompact;
  if (log) {
    const first = Math.min(...ends.map(([start]) => start));
    // With fewer than two positions on the axis, it spans a factor of ten.
    const low = Number.isFinite(first) ? first : 1;
    return logAxis(low, Math.max(last, low * 10), ticks, label);
  }
  if (kind === 'time') return timeAxis(Math.max(1, last), ticks);
  return linearAxis(0, Math.max(10, last), ticks, label);
}

function firstAbove0(run: PlottedRun, kind: XAxisKind, length: number): number {
  for (let i = 0; i < length; i++) {
    const x = xOf(run, kind, i);
    if (x > 0) return x;
  }
  return Number.POSITIVE_INFINITY;
}

function yAxis(
  chart: ChartDefinition,
  range: readonly [number, number] | null,
  locked: readonly [number, number] | null,
  log: boolean,
): Axis {
  const count = chart.large ? Y_TICKS.large : Y_TICKS.small;
  const [low, high] = locked && (!log || locked[0] > 0) ? locked : fitted(chart, range, log);
  if (log) return logAxis(low, high, count, chart.tick);
  const ticks = chart.yTicks?.(low, high);
  const axis = linearAxis(low, high, count, chart.tick);
  return ticks ? { ...axis, ticks: ticks.map((at) => ({ at, label: chart.tick(at) })) } : axis;
}

function fitted(
  chart: ChartDefinition,
  range: readonly [number, number] | null,
  log: boolean,
): readonly [number, number] {
  if (!range) return log ? [0.1, 1] : [0, 1];
  if (chart.yRange) return chart.yRange(...range);
  const [low, high] = withRoom(range, log);
  return chart.fromZero && !log ? [Math.min(0, low), high] : [low, high];
}
