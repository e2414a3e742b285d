/** Turns the values of all runs into what is drawn: at most 400 points per line, and two axes. */
import type { ChartSettings, XAxisKind } from '../../store/chartStore.ts';
import { changePoints, decimate, decimateLog, MAX_POINTS, thin } from '../../store/decimate.ts';
import { formatCompact, formatCount } from '../format.ts';
import { skipSentence } from '../messages.ts';
import {
  type Axis,
  linearAxis,
  logAxis,
  place,
  rangeOf,
  rangeWithoutOutliers,
  timeAxis,
  timeLabel,
  withRoom,
} from './axes.ts';
import { type ChartDefinition, entryAt, entryOfStep, type Series, xOf } from './chart.ts';
import type { PlottedRun } from './plottedRun.ts';
import type { Zoom } from './zoom.ts';

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

/** Between the least and the greatest of several seeds. */
export interface PlotBand {
  readonly run: number;
  readonly points: readonly { readonly x: number; readonly range: readonly [number, number] }[];
}

export interface PlotMark extends Point {
  readonly run: number;
  readonly sentence: string;
}

export interface Plot {
  readonly x: Axis;
  /** The x axis without a zoom. */
  readonly wholeX: Axis;
  readonly y: Axis;
  readonly xKind: XAxisKind;
  readonly lines: readonly PlotLine[];
  readonly bands: readonly PlotBand[];
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
  zoom: Part = null,
): Plot {
  const runs = series.map(({ run }) => run);
  const xKind = xKindOf(runs, settings.x);
  const log = { x: settings.logX, y: settings.logY && chart.logY };
  const references = chart.references?.(runs) ?? [];
  const drawn = series.flatMap((one) => linesOf(chart, one, xKind, log, zoom));
  const bands = series.flatMap((one) => bandOf(one, xKind, zoom) ?? []);
  const wholeX = xAxis(series, xKind, log.x, width);
  const x = zoom ? partOf(wholeX, xKind, zoom, width) : wholeX;
  const marks = series
    .flatMap((one) => marksOf(one, xKind, log.x))
    .filter((mark) => mark.x >= x.low && mark.x <= x.high);
  const values = [...drawn.map(({ points }) => points), ...bands.map(({ points }) => points)]
    .flat()
    .filter((point) => isWithin(point.x, zoom))
    .flatMap((point) => ('range' in point ? point.range : point.value))
    .filter((value) => !log.y || value > 0);
  const inner = settings.ignoreOutliers ? (rangeWithoutOutliers(values) ?? []) : values;
  const range = rangeOf([
    ...marks.flatMap(({ y }) => y ?? []),
    ...inner,
    ...references.map(({ value }) => value),
  ]);
  const y = yAxis(chart, range, settings.lockedY, log.y);
  return {
    x,
    wholeX,
    y,
    xKind,
    bands: bands.map(({ run, points }) => ({
      run,
      points: points.flatMap(({ x: at, range: [low, high] }) => {
        const placed = [place(at, log.x), place(low, log.y), place(high, log.y)];
        const [left, bottom, top] = placed;
        return left == null || bottom == null || top == null
          ? []
          : [{ x: left, range: [bottom, top] as const }];
      }),
    })),
    lines: drawn.map(({ run, kind, points }) => ({
      run,
      kind,
      points: points.flatMap(({ x: at, value }): Point[] => {
        const point = { x: place(at, log.x), y: place(value, log.y) };
        if (!onAxis(point)) return [];
        const hidden = kind === 'validation' && !(inside(point, y) && point.x >= x.low && point.x <= x.high);
        return hidden ? [] : [point];
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

/** The part of the x axis that is shown, in steps, tokens or seconds; null for all of it. */
type Part = Pick<Zoom, 'low' | 'high'> | null;

function isWithin(x: number, part: Part): boolean {
  return part === null || (x >= part.low && x <= part.high);
}

/** The entries to draw, with one beyond each edge, so that lines reach the edges: from the first up to the end. */
function entriesIn(
  { run, length }: Series,
  kind: XAxisKind,
  part: Part,
): readonly [from: number, to: number] {
  if (!part) return [0, length];
  return [
    Math.max(0, entryAt(run, length, kind, part.low)),
    Math.min(length, entryAt(run, length, kind, part.high) + 2),
  ];
}

/** The indexes to draw of a column, as `pick` chooses them from the values of the part. */
function picked(
  column: ArrayLike<number>,
  [from, to]: readonly [number, number],
  pick: (values: ArrayLike<number>, count: number) => number[],
): number[] {
  const count = Math.max(0, to - from);
  const values = from === 0 ? column : Float64Array.from({ length: count }, (_, i) => column[from + i]!);
  return pick(values, count).map((i) => from + i);
}

/** Points of each edge of a band. */
const BAND_POINTS = MAX_POINTS / 2;

function bandOf(series: Series, kind: XAxisKind, part: Part) {
  const { run, index, band } = series;
  if (!band) return null;
  const entries = entriesIn(series, kind, part);
  const edge = (column: ArrayLike<number>) =>
    picked(column, entries, (values, count) => decimate(values, count, BAND_POINTS));
  const at = [...new Set([...edge(band.low), ...edge(band.high)])]
    .filter((i) => !Number.isNaN(band.low[i]!))
    .sort((a, b) => a - b);
  return {
    run: index,
    points: at.map((i) => ({
      x: xOf(run, kind, i),
      range: [band.low[i]!, band.high[i]!] as const,
    })),
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
  zoom: Part,
): ValueLine[] {
  const { run, values, smoothed, gpu, validation, index } = series;
  const entries = entriesIn(series, xKind, zoom);
  const pick = (column: ArrayLike<number>): number[] =>
    picked(column, entries, (part, count) => {
      if (chart.shape === 'steps') return changePoints(part, count);
      return log.x && !zoom ? decimateLog(part, count) : decimate(part, count);
    });
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

function marksOf({ run, index, values, skipped = [] }: Series, xKind: XAxisKind, logX: boolean): PlotMark[] {
  return thin(skipped).flatMap((at) => {
    const x = place(xOf(run, xKind, at), logX);
    return x === null
      ? []
      : [{ run: index, x, y: place(values[at]!, false), sentence: skipSentence(run.log, at) }];
  });
}

function xTicks(width: number): number {
  return Math.max(2, Math.floor(width / PIXELS_A_TICK));
}

function xLabel(kind: XAxisKind, last: number): (value: number) => string {
  return kind === 'time' ? timeLabel : last < 100_000 ? formatCount : formatCompact;
}

function partOf(whole: Axis, kind: XAxisKind, { low, high }: NonNullable<Part>, width: number): Axis {
  const label = xLabel(kind, high);
  if (!whole.log) return linearAxis(low, high, xTicks(width), label);
  // A part that was chosen on a linear axis may begin at 0.
  return logAxis(Math.max(low, 10 ** whole.low), high, xTicks(width), label);
}

function xAxis(series: readonly Series[], kind: XAxisKind, log: boolean, width: number): Axis {
  const ends = series
    .filter(({ length }) => length > 0)
    .map(({ run, length }) => [firstAbove0(run, kind, length), endOf(run, kind, length)] as const);
  const last = Math.max(...ends.map(([, end]) => end), 0);
  const ticks = xTicks(width);
  const label = xLabel(kind, last);
  if (log) {
    const first = Math.min(...ends.map(([start]) => start));
    // With fewer than two positions on the axis, it spans a factor of ten.
    const low = Number.isFinite(first) ? first : 1;
    return logAxis(low, Math.max(last, low * 10), ticks, label);
  }
  if (kind === 'time') return timeAxis(Math.max(1, last), ticks);
  return linearAxis(0, Math.max(10, last), ticks, label);
}

/** Where a run will end, which is not known on an axis of time; so the axis stays as it is while the run goes. */
function endOf(run: PlottedRun, kind: XAxisKind, length: number): number {
  const last = xOf(run, kind, length - 1);
  const step = run.log.columns.step[length - 1]!;
  return kind === 'time' || run.planned === undefined ? last : Math.max(last, (last / step) * run.planned);
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
